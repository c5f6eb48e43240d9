import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { headerNames, removalsApi, topics, Unavailable } from "@sate/contracts";
import { rejection } from "@sate/contracts/test/support/settled.ts";
import { until } from "@sate/contracts/test/until.ts";
import { listenerOn, resultsFile, serviceToken } from "./listener.ts";
import { garbage, outcomeOf, received, refusedExecution, unreadables } from "./records.ts";

let file: ReturnType<typeof resultsFile>;
beforeEach(() => {
  file = resultsFile();
});
const realNow = performance.now;
afterEach(() => {
  performance.now = realNow;
  file[Symbol.dispose]();
});

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
const stored = () => ({ results: file.results(), deadLetters: file.deadLetters() });
const notRecorded = "Records cannot be recorded.";

describe("recording", () => {
  test("results, dead letters and bad records each go where they belong, and are then committed", async () => {
    await using it = await started();
    const records = oneOfEach();
    await it.consumer.deliver(records);
    expect(it.consumer.committed).toEqual(records);
    expect(file.results().map(({ is_success }) => is_success)).toEqual([true, false, false]);
    expect(file.deadLetters().map(({ reason }) => reason)).toEqual(["unexpected_error", "max_failures"]);
    expect(it.publisher.published).toEqual([
      expect.objectContaining({
        topic: topics.deadLetters,
        value: Buffer.from("garbage"),
        headers: expect.objectContaining({ reason: "unreadable_record", "origin-topic": topics.successful }),
      }),
    ]);
    const counts = { results_recorded: 3, dead_letters_kept: 2, records_unreadable: 1 };
    expect(it.counters.read()).toEqual(counts);
  });

  test("a bad record is published to the dead letter queue once, and stored when it comes back", async () => {
    await using it = await started();
    const bad = unreadables();
    await it.consumer.deliver(bad);
    const back = it.publisher.published.map((record) => received(record));
    await it.consumer.deliver(back);
    expect(it.publisher.published).toHaveLength(bad.length);
    const { results, deadLetters } = stored();
    const hexOf = (bytes: Uint8Array | null) => bytes && Buffer.from(bytes).toString("hex");
    expect(deadLetters.map(({ origin_offset, value }) => [origin_offset, hexOf(value)])).toEqual(
      bad.map(({ offset, value }) => [offset, hexOf(value)]),
    );
    expect(results).toEqual([]);
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
    expect(it.publisher.published).toMatchObject([
      { value: bad.value, headers: { detail: "The Results DB refused the result." } },
    ]);
    expect(file.deadLetters().map(({ reason }) => reason)).toEqual(["unexpected_error"]);
    const counts = { results_recorded: 1, results_refused: 2, dead_letters_kept: 1 };
    expect(it.counters.read()).toMatchObject(counts);
  });

  test("a dead letter that the database refuses does not hold up the others", async () => {
    await using it = await started({
      storeDeadLetters: async (deadLetters) => deadLetters.map(({ reason }) => reason === "lost"),
    });
    const records = [received(refusedExecution()), received(outcomeOf("lost"))];
    await it.consumer.deliver(records);
    expect(it.consumer.committed).toEqual(records);
    expect(it.counters.read()).toMatchObject({ dead_letters_kept: 1, dead_letters_refused: 1 });
    const { offset } = records[0] as { offset: string };
    expect(it.lines.find(({ level }) => level === "error")).toMatchObject({ offset });
  });
});

describe("redelivery", () => {
  test("of every record changes nothing", async () => {
    await using it = await started();
    const records = oneOfEach();
    await it.consumer.deliver(records);
    const before = stored();
    await it.consumer.deliver([...records.toReversed(), ...records]);
    expect(stored()).toEqual(before);
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
    const written = stored();
    expect(written.results).toHaveLength(3);
    // It neither committed nor stopped cleanly.
    await using second = await started();
    await second.consumer.deliver(records);
    expect(second.consumer.committed).toEqual(records);
    expect(stored()).toEqual(written);
    await first.listener.stop();
  });
});

describe("while a dependency is down", () => {
  /** The records are not recorded, and nothing is committed. */
  async function refuses({ consumer, listener }: Awaited<ReturnType<typeof started>>, records = oneOfEach()) {
    expect(await rejection(consumer.deliver(records))).toBeInstanceOf(Error);
    expect(consumer.committed).toEqual([]);
    expect(await listener.notReadyReasons()).toContain(notRecorded);
  }

  test("nothing is committed until the dead letter is published", async () => {
    await using it = await started();
    const records = oneOfEach();
    it.publisher.isAway = true;
    await refuses(it, records);
    expect(it.counters.read().records_unreadable).toBeUndefined();
    it.publisher.isAway = false;
    await it.consumer.deliver(records);
    expect(it.consumer.committed).toEqual(records);
    expect([it.publisher.published.length, file.results().length]).toEqual([1, 3]);
    expect(await it.listener.notReadyReasons()).not.toContain(notRecorded);
  });

  test("nothing is committed until the database has stored it", async () => {
    await using it = await started();
    const records = oneOfEach();
    it.database.isAway = true;
    await refuses(it, records);
    expect(stored()).toEqual({ results: [], deadLetters: [] });
    expect(it.counters.read().results_recorded).toBeUndefined();
    it.database.isAway = false;
    await it.consumer.deliver(records);
    expect([file.results().length, file.deadLetters().length]).toEqual([3, 2]);
  });

  // A bug that swallows the rejection of any one of the three writes commits a record that is nowhere.
  const away = async () => {
    throw new Unavailable("It is down.");
  };
  describe("nothing is committed if only one of the three writes fails", () => {
    test.each([
      ["results", { recordResults: away }],
      ["dead letters", { storeDeadLetters: away }],
      ["bad records", {}],
    ])("that of %s", async (what, parts) => {
      await using it = await started(parts);
      it.publisher.isAway = what === "bad records";
      await refuses(it);
    });
  });

  test("nothing is committed if a refused result cannot be published as a dead letter", async () => {
    await using it = await started({ recordResults: async (results) => results.map(() => "refused") });
    it.publisher.isAway = true;
    await refuses(it, [received(outcomeOf("succeeded"))]);
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

  test("records that it could not record and that do not come again do not keep it from being ready", async () => {
    await using it = await started();
    it.database.isAway = true;
    await refuses(it);
    it.database.isAway = false;
    const later = (ms: number) => {
      performance.now = () => realNow.call(performance) + ms;
    };
    later(10_000); // The consumer may still deliver them again.
    expect(await it.listener.notReadyReasons()).toEqual([notRecorded]);
    later(40_000); // A rebalance has given them to another member.
    expect(await it.listener.notReadyReasons()).toEqual([]);
  });
});

describe("its health", () => {
  test("it waits for its dependencies in order, and is ready when it has joined its group", async () => {
    const { listener, consumer, publisher, database } = listenerOn(file);
    const reasonsAre = (...reasons: string[]) =>
      until(reasons.join() || "it is ready", async () =>
        Bun.deepEquals(await listener.notReadyReasons(), reasons),
      );
    database.isAway = true;
    publisher.isAway = true;
    consumer.reason = "A topic does not exist yet.";
    const start = listener.start();
    await reasonsAre("It is starting.", "The Results DB does not respond.");
    database.isAway = false;
    await reasonsAre("It is starting.", "The broker does not respond.");
    publisher.isAway = false;
    await reasonsAre("It is starting.", consumer.reason);
    expect(consumer.isJoined).toBe(false);
    consumer.reason = null;
    await start;
    expect(consumer.isJoined).toBe(true);
    await reasonsAre();
    consumer.reason = "The consumer is not in its group.";
    await reasonsAre("The consumer is not in its group.");
    consumer.reason = null;
    database.isAway = true;
    publisher.isAway = true;
    await reasonsAre("The Results DB does not respond.", "The broker does not respond.");
    await listener.stop();
    expect([consumer.isStopped, publisher.isClosed]).toEqual([true, true]);
  });

  test("a stop during the start keeps it from joining its group", async () => {
    const { listener, consumer, publisher } = listenerOn(file);
    publisher.isAway = true;
    const start = listener.start();
    await until("it waits", async () => (await listener.notReadyReasons()).length === 2);
    await listener.stop();
    await start;
    expect(consumer.isJoined).toBe(false);
  });

  test("serves health, metrics and its internal API, and nothing else", async () => {
    await using it = await started();
    await it.consumer.deliver([received(outcomeOf("succeeded"))]);
    const { app } = it.listener;
    const headers = { authorization: `Bearer ${serviceToken}` };
    const metrics = await app.handle(new Request("http://localhost/metrics", { headers }));
    expect(await metrics.text()).toContain("sate_results_recorded_total 1\n");
    const routes = app.routes.map(({ method, path }) => `${method} ${path}`);
    const operations = Object.values(removalsApi).map(({ path }) => `POST ${path}`);
    expect(routes.toSorted()).toEqual(["GET /live", "GET /metrics", "GET /ready", ...operations]);
  });
});
