import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { headerNames, topics } from "@sate/contracts";
import { rejection } from "./conformance/results-writer.ts";
import { listenerOn, resultsFile } from "./listener.ts";
import { garbage, outcomeOf, received, refusedExecution, unreadables } from "./records.ts";
import { until } from "./until.ts";

let file: ReturnType<typeof resultsFile>;
beforeEach(() => {
  file = resultsFile();
});
afterEach(() => file[Symbol.dispose]());

async function started(parts: Parameters<typeof listenerOn>[1] = {}) {
  const all = listenerOn(file, parts);
  await all.listener.start();
  return { ...all, [Symbol.asyncDispose]: () => all.listener.stop() };
}

const oneOfEach = () => [
  received(outcomeOf("succeeded")),
  received(outcomeOf("failed")),
  received(outcomeOf("unexpected_error")),
  received(refusedExecution()),
  garbage("garbage"),
];

describe("recording", () => {
  test("results, letters and unreadable records each go where they belong, then are committed", async () => {
    await using it = await started();
    const records = oneOfEach();
    await it.consumer.deliver(records);
    expect(it.consumer.committed).toEqual(records);
    expect(file.results().map(({ is_success }) => is_success)).toEqual([true, false, false]);
    expect(file.letters().map(({ reason }) => reason)).toEqual(["unexpected_error", "max_failures"]);
    const [buried] = it.publisher.published;
    expect(it.publisher.published).toHaveLength(1);
    expect(buried).toMatchObject({
      topic: topics.deadLetters,
      value: Buffer.from("garbage"),
      headers: { reason: "unreadable_record", "origin-topic": topics.successful },
    });
    const { results_recorded, dead_letters_kept, records_unreadable } = it.counters.read();
    expect({ results_recorded, dead_letters_kept, records_unreadable }).toEqual({
      results_recorded: 3,
      dead_letters_kept: 2,
      records_unreadable: 1,
    });
  });

  test("whatever is unreadable goes round once: published, kept, and then at rest", async () => {
    await using it = await started();
    const bad = unreadables().map(({ value, headers }) => garbage(value, headers ? { headers } : {}));
    await it.consumer.deliver(bad);
    expect(it.publisher.published).toHaveLength(bad.length);
    const back = it.publisher.published.map((record) => received(record));
    await it.consumer.deliver(back);
    expect(it.publisher.published).toHaveLength(bad.length);
    const letters = file.letters();
    expect(letters).toHaveLength(bad.length);
    for (const [index, letter] of letters.entries()) {
      expect(hex(letter.value)).toBe(hex(bad[index]?.value ?? null));
      expect(letter.origin_offset).toBe(bad[index]?.offset as string);
    }
    expect(file.results()).toEqual([]);
  });

  test("a second result of an execution is not recorded, but counted and said", async () => {
    await using it = await started();
    const parts = { requestId: Bun.randomUUIDv7(), payloadJson: '"hush"' };
    const [first, second] = [outcomeOf("failed", parts), outcomeOf("succeeded", parts)];
    await it.consumer.deliver([received(first), received(second)]);
    expect(file.results().map(({ is_success }) => is_success)).toEqual([false]);
    expect(it.counters.read()).toMatchObject({ results_recorded: 1, results_conflicting: 1 });
    const warning = it.lines.find(({ level }) => level === "warn");
    expect(warning).toMatchObject({ request_id: parts.requestId, result_id: expect.any(String) });
    expect(JSON.stringify(it.lines)).not.toContain("hush");
  });

  test("what the database will never take is a dead letter, and the others are recorded", async () => {
    await using it = await started({
      record: async (results) =>
        results.map(({ error }) => (error?.code === "forced_error" ? "stored" : "refused")),
    });
    const bad = received(outcomeOf("succeeded"));
    // It is a dead letter already, and is kept as one; published again it would come again for ever.
    const badLetter = received(outcomeOf("unexpected_error"));
    await it.consumer.deliver([bad, received(outcomeOf("failed")), badLetter]);
    expect(it.publisher.published).toHaveLength(1);
    expect(it.publisher.published[0]).toMatchObject({
      value: bad.value,
      headers: { detail: "The Results DB refuses it." },
    });
    expect(file.letters().map(({ reason }) => reason)).toEqual(["unexpected_error"]);
    expect(it.counters.read()).toMatchObject({
      results_recorded: 1,
      results_refused: 2,
      dead_letters_kept: 1,
    });
  });

  test("a dead letter that the database will never take does not hold up the others", async () => {
    await using it = await started({
      keep: async (letters) => letters.map(({ reason }) => reason === "lost"),
    });
    const records = [received(refusedExecution()), received(outcomeOf("lost"))];
    await it.consumer.deliver(records);
    expect(it.consumer.committed).toEqual(records);
    expect(it.counters.read()).toMatchObject({ dead_letters_kept: 1, dead_letters_refused: 1 });
    expect(it.lines.find(({ level }) => level === "error")).toMatchObject({
      offset: records[0]?.offset as string,
    });
  });
});

describe("redelivery", () => {
  test("of everything changes nothing", async () => {
    await using it = await started();
    const records = oneOfEach();
    await it.consumer.deliver(records);
    const before = [file.results(), file.letters()];
    await it.consumer.deliver([...records.toReversed(), ...records]);
    expect([file.results(), file.letters()]).toEqual(before);
    expect(it.counters.read()).toMatchObject({ results_recorded: 3, results_repeated: 6 });
    // The dead letter is published again, under the same id: its reader sees one.
    const ids = it.publisher.published.map(({ headers }) => headers[headerNames.deadLetterId]);
    expect(new Set(ids).size).toBe(1);
  });

  test("after an end between write and commit is harmless, at another listener", async () => {
    const records = oneOfEach();
    const first = listenerOn(file);
    await first.listener.start();
    first.database.loses = "answers";
    expect(await rejection(first.consumer.deliver(records))).toBeInstanceOf(Error);
    expect(first.consumer.committed).toEqual([]);
    const written = [file.results(), file.letters()];
    expect(written[0]).toHaveLength(3);
    // It never came to a commit, nor to a clean stop.
    await using second = await started();
    await second.consumer.deliver(records);
    expect(second.consumer.committed).toEqual(records);
    expect([file.results(), file.letters()]).toEqual(written);
    await first.listener.stop();
  });
});

describe("when something is away", () => {
  test("nothing is committed until the dead letter is published", async () => {
    await using it = await started();
    const records = oneOfEach();
    it.publisher.isAway = true;
    expect(await rejection(it.consumer.deliver(records))).toBeInstanceOf(Error);
    expect(it.consumer.committed).toEqual([]);
    expect(it.counters.read().records_unreadable).toBeUndefined();
    expect(await it.listener.notReadyReasons()).toContain("Outcomes cannot be recorded.");
    it.publisher.isAway = false;
    await it.consumer.deliver(records);
    expect(it.consumer.committed).toEqual(records);
    expect(it.publisher.published).toHaveLength(1);
    expect(file.results()).toHaveLength(3);
    expect(await it.listener.notReadyReasons()).not.toContain("Outcomes cannot be recorded.");
  });

  test("nothing is committed until the database has it", async () => {
    await using it = await started();
    const records = oneOfEach();
    it.database.isAway = true;
    expect(await rejection(it.consumer.deliver(records))).toBeInstanceOf(Error);
    expect([it.consumer.committed, file.results(), file.letters()]).toEqual([[], [], []]);
    expect(it.counters.read().results_recorded).toBeUndefined();
    expect(await it.listener.notReadyReasons()).toContain("Outcomes cannot be recorded.");
    it.database.isAway = false;
    await it.consumer.deliver(records);
    expect([file.results().length, file.letters().length]).toEqual([3, 2]);
    expect(await it.listener.notReadyReasons()).not.toContain("Outcomes cannot be recorded.");
  });

  test("all writes have ended before their repetition begins", async () => {
    let underWay = 0;
    await using it = await started({
      async record(results) {
        underWay++;
        await new Promise((resolve) => setTimeout(resolve, 20));
        underWay--;
        return results.map(() => "stored");
      },
    });
    it.publisher.isAway = true;
    expect(await rejection(it.consumer.deliver(oneOfEach()))).toBeInstanceOf(Error);
    expect(underWay).toBe(0);
  });
});

describe("starting and stopping", () => {
  test("it waits for what is not there yet, in order, and is ready when it has joined", async () => {
    const it = listenerOn(file);
    it.database.isAway = true;
    it.publisher.isAway = true;
    const start = it.listener.start();
    const complains = (text: string) => async () => (await it.listener.notReadyReasons()).includes(text);
    await until("the database is missed", complains("The Results DB does not answer."));
    expect((await it.listener.notReadyReasons())[0]).toBe("It is starting.");
    it.database.isAway = false;
    await until("the broker is missed", complains("The broker does not answer."));
    expect(it.consumer.isJoined).toBe(false);
    it.publisher.isAway = false;
    await start;
    expect(it.consumer.isJoined).toBe(true);
    expect(await it.listener.notReadyReasons()).toEqual([]);
    it.consumer.complains = "The consumer is not in its group.";
    expect(await it.listener.notReadyReasons()).toEqual(["The consumer is not in its group."]);
    await it.listener.stop();
  });

  test("it is not ready while the broker or the database is away", async () => {
    await using it = await started();
    it.publisher.isAway = true;
    it.database.isAway = true;
    await until("both are missed", async () => (await it.listener.notReadyReasons()).length === 2);
    it.publisher.isAway = false;
    it.database.isAway = false;
    await until("both are back", async () => (await it.listener.notReadyReasons()).length === 0);
  }, 15_000);

  test("stopping is safe before starting, in the middle of it, twice and at once", async () => {
    const idle = listenerOn(file).listener;
    await Promise.all([idle.stop(), idle.stop()]);
    await idle.start();
    expect(await idle.notReadyReasons()).toEqual(["It is stopping."]);

    const waiting = listenerOn(file);
    waiting.publisher.isAway = true;
    const start = waiting.listener.start();
    await until("it waits", async () =>
      (await waiting.listener.notReadyReasons()).includes("The broker does not answer."),
    );
    await waiting.listener.stop();
    await start;
    expect(waiting.consumer.isJoined).toBe(false);

    const it = await started();
    await Promise.all([it.listener.stop(), it.listener.stop()]);
    expect([it.consumer.isStopped, it.publisher.isClosed]).toEqual([true, true]);
    expect(await it.listener.notReadyReasons()).toEqual(["It is stopping."]);
  });
});

function hex(bytes: Uint8Array | null): string {
  return bytes === null ? "none" : Buffer.from(bytes).toString("hex");
}
