import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { headerNames, topics, Unavailable } from "@sate/contracts";
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
  test("results, dead letters and bad records each go where they belong, and are then committed", async () => {
    await using it = await started();
    const records = oneOfEach();
    await it.consumer.deliver(records);
    expect(it.consumer.committed).toEqual(records);
    expect(file.results().map(({ is_success }) => is_success)).toEqual([true, false, false]);
    expect(file.deadLetters().map(({ reason }) => reason)).toEqual(["unexpected_error", "max_failures"]);
    const [published] = it.publisher.published;
    expect(it.publisher.published).toHaveLength(1);
    expect(published).toMatchObject({
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

  test("a bad record is published to the dead letter queue once, and stored when it comes back", async () => {
    await using it = await started();
    const bad = unreadables().map(({ value, headers }) => garbage(value, headers ? { headers } : {}));
    await it.consumer.deliver(bad);
    expect(it.publisher.published).toHaveLength(bad.length);
    const back = it.publisher.published.map((record) => received(record));
    await it.consumer.deliver(back);
    expect(it.publisher.published).toHaveLength(bad.length);
    const stored = file.deadLetters();
    expect(stored).toHaveLength(bad.length);
    for (const [index, deadLetter] of stored.entries()) {
      expect(hex(deadLetter.value)).toBe(hex(bad[index]?.value ?? null));
      expect(deadLetter.origin_offset).toBe(bad[index]?.offset as string);
    }
    expect(file.results()).toEqual([]);
  });

  test("a second result of an execution is not recorded, but counted and logged", async () => {
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

  test("a result that the database refuses becomes a dead letter, and the others are recorded", async () => {
    await using it = await started({
      recordResults: async (results) =>
        results.map(({ error }) => (error?.code === "forced_error" ? "stored" : "refused")),
    });
    const bad = received(outcomeOf("succeeded"));
    // It is a dead letter already, and is stored as one; published again it would circulate forever.
    const deadLetter = received(outcomeOf("unexpected_error"));
    await it.consumer.deliver([bad, received(outcomeOf("failed")), deadLetter]);
    expect(it.publisher.published).toHaveLength(1);
    expect(it.publisher.published[0]).toMatchObject({
      value: bad.value,
      headers: { detail: "The Results DB refused the result." },
    });
    expect(file.deadLetters().map(({ reason }) => reason)).toEqual(["unexpected_error"]);
    expect(it.counters.read()).toMatchObject({
      results_recorded: 1,
      results_refused: 2,
      dead_letters_kept: 1,
    });
  });

  test("a dead letter that the database refuses does not hold up the others", async () => {
    await using it = await started({
      storeDeadLetters: async (deadLetters) => deadLetters.map(({ reason }) => reason === "lost"),
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
  test("of every record changes nothing", async () => {
    await using it = await started();
    const records = oneOfEach();
    await it.consumer.deliver(records);
    const before = [file.results(), file.deadLetters()];
    await it.consumer.deliver([...records.toReversed(), ...records]);
    expect([file.results(), file.deadLetters()]).toEqual(before);
    expect(it.counters.read()).toMatchObject({ results_recorded: 3, results_repeated: 6 });
    // The dead letter is published again with the same id, so that it is stored once.
    const ids = it.publisher.published.map(({ headers }) => headers[headerNames.deadLetterId]);
    expect(new Set(ids).size).toBe(1);
  });

  test("to another listener after a crash between write and commit changes nothing", async () => {
    const records = oneOfEach();
    const first = listenerOn(file);
    await first.listener.start();
    first.database.loses = "responses";
    expect(await rejection(first.consumer.deliver(records))).toBeInstanceOf(Error);
    expect(first.consumer.committed).toEqual([]);
    const written = [file.results(), file.deadLetters()];
    expect(written[0]).toHaveLength(3);
    // It neither committed nor stopped cleanly.
    await using second = await started();
    await second.consumer.deliver(records);
    expect(second.consumer.committed).toEqual(records);
    expect([file.results(), file.deadLetters()]).toEqual(written);
    await first.listener.stop();
  });
});

describe("while a dependency is down", () => {
  test("nothing is committed until the dead letter is published", async () => {
    await using it = await started();
    const records = oneOfEach();
    it.publisher.isAway = true;
    expect(await rejection(it.consumer.deliver(records))).toBeInstanceOf(Error);
    expect(it.consumer.committed).toEqual([]);
    expect(it.counters.read().records_unreadable).toBeUndefined();
    expect(await it.listener.notReadyReasons()).toContain("Records cannot be recorded.");
    it.publisher.isAway = false;
    await it.consumer.deliver(records);
    expect(it.consumer.committed).toEqual(records);
    expect(it.publisher.published).toHaveLength(1);
    expect(file.results()).toHaveLength(3);
    expect(await it.listener.notReadyReasons()).not.toContain("Records cannot be recorded.");
  });

  test("nothing is committed until the database has stored it", async () => {
    await using it = await started();
    const records = oneOfEach();
    it.database.isAway = true;
    expect(await rejection(it.consumer.deliver(records))).toBeInstanceOf(Error);
    expect([it.consumer.committed, file.results(), file.deadLetters()]).toEqual([[], [], []]);
    expect(it.counters.read().results_recorded).toBeUndefined();
    expect(await it.listener.notReadyReasons()).toContain("Records cannot be recorded.");
    it.database.isAway = false;
    await it.consumer.deliver(records);
    expect([file.results().length, file.deadLetters().length]).toEqual([3, 2]);
    expect(await it.listener.notReadyReasons()).not.toContain("Records cannot be recorded.");
  });

  // A bug that swallows the rejection of any one of the three writes commits a record that is nowhere.
  test.each(["results", "dead letters", "bad records"])(
    "nothing is committed if only the write of %s fails",
    async (what) => {
      const away = async () => {
        throw new Unavailable("It is down.");
      };
      await using it = await started({
        ...(what === "results" && { recordResults: away }),
        ...(what === "dead letters" && { storeDeadLetters: away }),
      });
      it.publisher.isAway = what === "bad records";
      expect(await rejection(it.consumer.deliver(oneOfEach()))).toBeInstanceOf(Error);
      expect(it.consumer.committed).toEqual([]);
      expect(await it.listener.notReadyReasons()).toContain("Records cannot be recorded.");
    },
  );

  test("nothing is committed if a refused result cannot be published as a dead letter", async () => {
    await using it = await started({ recordResults: async (results) => results.map(() => "refused") });
    it.publisher.isAway = true;
    expect(await rejection(it.consumer.deliver([received(outcomeOf("succeeded"))]))).toBeInstanceOf(Error);
    expect(it.consumer.committed).toEqual([]);
  });

  test("all writes have settled before their repetition begins", async () => {
    const write = Promise.withResolvers<void>();
    await using it = await started({
      async recordResults(results) {
        await write.promise;
        return results.map(() => "stored");
      },
    });
    it.publisher.isAway = true;
    let hasRejected = false;
    const delivery = rejection(it.consumer.deliver(oneOfEach())).finally(() => {
      hasRejected = true;
    });
    // The publication has failed by now; the write of the results is still in flight.
    await new Promise(setImmediate);
    expect(hasRejected).toBe(false);
    write.resolve();
    expect(await delivery).toBeInstanceOf(Error);
  });
});

describe("starting and stopping", () => {
  test("it waits for its dependencies in order, and is ready when it has joined its group", async () => {
    const it = listenerOn(file);
    it.database.isAway = true;
    it.publisher.isAway = true;
    const start = it.listener.start();
    const complains = (text: string) => async () => (await it.listener.notReadyReasons()).includes(text);
    await until("the database is reported", complains("The Results DB does not respond."));
    expect((await it.listener.notReadyReasons())[0]).toBe("It is starting.");
    it.database.isAway = false;
    await until("the broker is reported", complains("The broker does not respond."));
    expect(it.consumer.isJoined).toBe(false);
    it.publisher.isAway = false;
    await start;
    expect(it.consumer.isJoined).toBe(true);
    expect(await it.listener.notReadyReasons()).toEqual([]);
    it.consumer.complains = "The consumer is not in its group.";
    expect(await it.listener.notReadyReasons()).toEqual(["The consumer is not in its group."]);
    await it.listener.stop();
  });

  test("it is not ready while the broker or the database is down", async () => {
    await using it = await started();
    it.publisher.isAway = true;
    it.database.isAway = true;
    await until("both are reported", async () => (await it.listener.notReadyReasons()).length === 2);
    it.publisher.isAway = false;
    it.database.isAway = false;
    await until("both are back", async () => (await it.listener.notReadyReasons()).length === 0);
  }, 15_000);

  test("stop is safe before start, during start, twice and concurrently", async () => {
    const idle = listenerOn(file).listener;
    await Promise.all([idle.stop(), idle.stop()]);
    await idle.start();
    expect(await idle.notReadyReasons()).toEqual(["It is stopping."]);

    const waiting = listenerOn(file);
    waiting.publisher.isAway = true;
    const start = waiting.listener.start();
    await until("it waits", async () =>
      (await waiting.listener.notReadyReasons()).includes("The broker does not respond."),
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
