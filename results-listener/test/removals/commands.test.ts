import { describe, expect, test } from "bun:test";
import { topics, Unavailable } from "@sate/contracts";
import { createLog } from "@sate/contracts/runtime";
import { rejection } from "@sate/contracts/test/support/settled.ts";
import { sqliteResultsWriter } from "../../src/adapters/sqlite/writer.ts";
import { removeOldDeadLetters } from "../../src/removals/retention.ts";
import { listenerOn, resultsFile, serviceToken } from "../listener.ts";
import { garbage, outcomeOf, received, refusedExecution } from "../records.ts";

const removed_at = 1_700_000_000_000;
const nothingElse = { requests: [], dead_letters: [], removed_at };

test("after a removal, a redelivery of every record commits and brings nothing back", async () => {
  using file = resultsFile();
  const { listener, consumer, publisher, counters } = listenerOn(file);
  await listener.start();
  const [requestId, other] = [Bun.randomUUIDv7(), Bun.randomUUIDv7()];
  const records = [
    received(outcomeOf("failed", { requestId, attempt: 1 })),
    received(outcomeOf("succeeded", { requestId, attempt: 2 })),
    received(outcomeOf("succeeded", { requestId: other })),
  ];
  await consumer.deliver(records);
  const executions = [1, 2].map((attempt) => ({ request_id: requestId, attempt }));
  await listener.commands.removeResults({ executions, ...nothingElse });
  expect(file.results().map(({ request_id }) => request_id)).toEqual([other]);
  consumer.committed.length = 0;
  await consumer.deliver(records);
  expect(consumer.committed).toEqual(records);
  expect(file.results().map(({ request_id }) => request_id)).toEqual([other]);
  expect(publisher.published.filter(({ topic }) => topic === topics.deadLetters)).toEqual([]);
  expect(counters.read()).toMatchObject({ results_of_removed: 2, results_removed: 2, results_repeated: 1 });
  await listener.stop();
});

test("the operation needs the service token, and is unavailable while the database is", async () => {
  using file = resultsFile();
  const { listener, database } = listenerOn(file);
  await listener.start();
  const executions = [{ request_id: Bun.randomUUIDv7(), attempt: 1 }];
  const body = { executions, ...nothingElse };
  const call = (token: string) =>
    listener.app.handle(
      new Request("http://localhost/internal/results/remove", {
        method: "POST",
        body: JSON.stringify(body),
        headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
      }),
    );
  expect((await call("0123456789abcdeF")).status).toBe(401);
  expect((await call(serviceToken)).status).toBe(200);
  database.isAway = true;
  expect((await call(serviceToken)).status).toBe(503);
  expect(await rejection(listener.commands.removeResults(body))).toBeInstanceOf(Unavailable);
  await listener.stop();
});

describe("dead letters of a removed request", () => {
  const requestId = Bun.randomUUIDv7();
  const ofRequest = () => [
    received(outcomeOf("unexpected_error", { requestId, attempt: 1 })),
    received(outcomeOf("lost", { requestId, attempt: 2 })),
    received(refusedExecution("{}", { request_id: requestId })),
  ];
  const others = () => [received(outcomeOf("lost")), received(refusedExecution()), garbage("garbage")];
  const whole = { executions: [1, 2].map((attempt) => ({ request_id: requestId, attempt })) };
  const removal = { ...whole, requests: [requestId], dead_letters: [], removed_at };

  test("are deleted, and stay so when every record is delivered again", async () => {
    using file = resultsFile();
    const { listener, consumer, counters } = listenerOn(file);
    await listener.start();
    const records = [...ofRequest(), ...others()];
    await consumer.deliver(records);
    expect(file.deadLetters()).toHaveLength(5);
    await listener.commands.removeResults(removal);
    expect(file.deadLetters()).toHaveLength(2);
    expect(file.results()).toHaveLength(1);
    await consumer.deliver(records);
    expect(file.deadLetters()).toHaveLength(2);
    expect(file.results()).toHaveLength(1);
    expect(counters.read()).toMatchObject({ dead_letters_removed: 3, dead_letters_of_removed: 3 });
    await listener.stop();
  });

  test("are deleted if the removal comes between the look for it and the write", async () => {
    using file = resultsFile();
    const real = sqliteResultsWriter(file);
    let removeNow = async () => {};
    const { listener, consumer } = listenerOn(file, {
      async storeDeadLetters(deadLetters) {
        await removeNow();
        return real.storeDeadLetters(deadLetters);
      },
    });
    await listener.start();
    removeNow = async () => void (await listener.commands.removeResults(removal));
    await consumer.deliver(ofRequest());
    expect(file.deadLetters()).toEqual([]);
    expect(file.results()).toEqual([]);
    await listener.stop();
  });

  test("are deleted at the redelivery if the service dies after the write and before it looks again", async () => {
    using file = resultsFile();
    const real = sqliteResultsWriter(file);
    const dying = listenerOn(file, {
      async storeDeadLetters(deadLetters) {
        await dying.listener.commands.removeResults(removal);
        await real.storeDeadLetters(deadLetters);
        throw new Unavailable("The service dies.");
      },
    });
    await dying.listener.start();
    const records = ofRequest();
    expect(await rejection(dying.consumer.deliver(records))).toBeInstanceOf(Unavailable);
    expect(file.deadLetters()).toHaveLength(3);
    await dying.listener.stop();
    const { listener, consumer } = listenerOn(file);
    await listener.start();
    await consumer.deliver(records);
    expect(file.deadLetters()).toEqual([]);
    await listener.stop();
  });

  test("are deleted by their ids, too, because those of 0.1.0 do not name their request", async () => {
    using file = resultsFile();
    const { listener, consumer } = listenerOn(file);
    await listener.start();
    await consumer.deliver(ofRequest());
    file.db.run("UPDATE dead_letters SET request_id = NULL");
    const ids = file.results().map(({ id }) => id);
    await listener.commands.removeResults({ ...removal, dead_letters: ids });
    expect(file.deadLetters().map(({ reason }) => reason)).toEqual(["max_failures"]);
    await listener.stop();
  });
});

test("dead letters are kept for their time, and a redelivery brings no older one back; their results stay", async () => {
  using file = resultsFile();
  const day = 86_400_000;
  const now = 1_800_000_000_000;
  const { listener, consumer, counters } = listenerOn(file, {
    deadLettersKeptMs: day,
    now: async () => now,
  });
  await listener.start();
  const at = (time: number) => received(outcomeOf("lost"), { timestamp: `${time}` });
  const records = [at(now - 2 * day), at(now - day - 1), at(now - day), at(now)];
  for (const _ of [1, 2]) {
    await consumer.deliver(records);
    expect(file.deadLetters().map(({ time }) => time)).toEqual([now - day, now]);
    expect(file.results()).toHaveLength(4);
  }
  expect(counters.read()).toMatchObject({ dead_letters_of_removed: 4 });
  await listener.stop();
});

test("a removal of old dead letters takes all of them, in batches, and reports how many", async () => {
  using file = resultsFile();
  const { listener, consumer, counters, lines } = listenerOn(file);
  await listener.start();
  const records = Array.from({ length: 450 }, (_, index) =>
    received(outcomeOf("lost"), { timestamp: `${index}` }),
  );
  await consumer.deliver(records);
  const writer = { ...sqliteResultsWriter(file), now: async () => 1_000 };
  const log = createLog("results-listener", "info", (line) => lines.push(JSON.parse(line)));
  const { signal } = new AbortController();
  await removeOldDeadLetters({ writer, counters, log }, 1_000 - 440, signal);
  expect(file.deadLetters().map(({ time }) => time)).toEqual([
    440, 441, 442, 443, 444, 445, 446, 447, 448, 449,
  ]);
  expect(counters.read().dead_letters_removed).toBe(440);
  expect(lines.at(-1)).toMatchObject({ message: "old dead letters were removed", removed: 440 });
  await removeOldDeadLetters({ writer, counters, log }, 1, AbortSignal.abort());
  expect(file.deadLetters()).toHaveLength(10);
  await listener.stop();
});
