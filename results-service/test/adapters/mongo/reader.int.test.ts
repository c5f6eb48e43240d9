import { expect, test } from "bun:test";
import {
  type DeadLetterDocument,
  deadLettersIndexes,
  type ExecutionKey,
  type ResultDocument,
  type ResultRecord,
  resultDocument,
  resultsCollections,
  resultTombstone,
  Unavailable,
} from "@sate/contracts";
import { createCounters } from "@sate/contracts/runtime";
import { proxyTo } from "@sate/contracts/test/support/proxy.ts";
import { describeOnServers } from "@sate/contracts/test/support/servers.ts";
import { rejection, succeeds } from "@sate/contracts/test/support/settled.ts";
import { until } from "@sate/contracts/test/until.ts";
import { MongoClient } from "mongodb";
import { mongoResultsReader } from "../../../src/adapters/mongo/reader.ts";
import { deadLettersConformance } from "../../conformance/dead-letters.ts";
import { resultsReaderConformance } from "../../conformance/results-reader.ts";
import { attemptsOf, resultOf } from "../../results.ts";

const bounds = { limit: 100, bytesMax: 1_000_000 };

await describeOnServers("mongoResultsReader", ({ resultsMongoUrl }) => {
  /** A database of its own. */
  function database() {
    const url = new URL(resultsMongoUrl);
    url.pathname = `/reader-${Bun.randomUUIDv7()}`;
    const client = new MongoClient(url.href);
    const db = client.db();
    const counters = createCounters();
    async function close() {
      await db.dropDatabase();
      await client.close();
    }
    return {
      url,
      db,
      commands: () => counters.read().mongo_commands ?? 0,
      reader: (deadlineMs = 5_000) => mongoResultsReader({ url: url.href, counters, deadlineMs }),
      async add(results: ResultRecord[]) {
        const documents = results.map(resultDocument);
        await db.collection<ResultDocument>(resultsCollections.results).insertMany(documents);
      },
      async remove(executions: ExecutionKey[]) {
        const tombstones = executions.map((key) => resultTombstone(key, 1));
        await db.collection<ResultDocument>(resultsCollections.results).insertMany(tombstones);
      },
      close,
      [Symbol.asyncDispose]: close,
    };
  }

  resultsReaderConformance("mongoResultsReader", async () => database());

  deadLettersConformance("mongoResultsReader", async () => {
    const it = database();
    const letters = it.db.collection<DeadLetterDocument>(resultsCollections.deadLetters);
    for (const index of deadLettersIndexes) await letters.createIndex(index);
    return {
      ...it,
      addDeadLetters: async (deadLetters) => void (await letters.insertMany(deadLetters)),
      async addOld(deadLetters) {
        const old = deadLetters.map(({ request_id, attempt, execution_id, processor, ...rest }) => rest);
        await letters.insertMany(old as DeadLetterDocument[]);
      },
    };
  });

  test("creates nothing in an empty database: read access is enough", async () => {
    await using it = database();
    const reader = it.reader();
    await reader.open();
    await reader.ping();
    expect(await reader.ofRequest(Bun.randomUUIDv7(), 0, bounds)).toEqual({ results: [], more: false });
    expect(await it.db.listCollections().toArray()).toEqual([]);
    await reader.close();
  });

  test("reads a page, and looks up a thousand executions, with one command each", async () => {
    await using it = database();
    const reader = it.reader();
    await reader.open();
    const requestId = Bun.randomUUIDv7();
    await it.add(attemptsOf(requestId, [1, 2, 3]));
    const before = it.commands();
    expect((await reader.ofRequest(requestId, 0, bounds)).results).toHaveLength(3);
    expect(it.commands() - before).toBe(1);
    const thousand = Array.from({ length: 1_000 }, (_, index) => index + 10);
    await it.add(attemptsOf(requestId, thousand));
    await reader.recorded(thousand.map((attempt) => ({ request_id: requestId, attempt })));
    expect(it.commands() - before).toBe(2);
    await reader.close();
  });

  test("recovers from a database that is down at first, goes down, and stops responding", async () => {
    await using it = database();
    const proxy = await proxyTo({ host: it.url.hostname, port: Number(it.url.port) });
    it.url.host = `127.0.0.1:${proxy.port}`;
    it.url.searchParams.set("directConnection", "true");
    const reader = it.reader(1_000);
    const result = resultOf();
    await it.add([result]);
    const read = () => reader.ofRequest(result.request_id, 0, bounds);

    proxy.refuse();
    expect(await rejection(reader.open())).toBeInstanceOf(Unavailable);
    await proxy.accept();
    await until("it opens", () => succeeds(reader.open()));
    expect((await read()).results).toEqual([result]);

    proxy.refuse();
    expect(await rejection(read())).toBeInstanceOf(Unavailable);
    await proxy.accept();
    await until("it responds", () => succeeds(reader.ping()), 15_000);

    proxy.replies = "swallow";
    const startAt = performance.now();
    expect(await rejection(read())).toBeInstanceOf(Unavailable);
    expect(performance.now() - startAt).toBeLessThan(3_000);
    proxy.replies = "pass";
    await until("it responds", () => succeeds(reader.ping()), 15_000);
    expect((await read()).results).toEqual([result]);
    await reader.close();
    proxy.refuse();
  }, 60_000);
});

test("a database that is down is unavailable, and its address is not in the message", async () => {
  const url = "mongodb://user:hidden@127.0.0.1:1/results";
  const reader = mongoResultsReader({ url, counters: createCounters(), deadlineMs: 300 });
  for (const call of [reader.open, reader.ping, () => reader.ofRequest(Bun.randomUUIDv7(), 0, bounds)]) {
    const error = await rejection(call());
    expect(error).toBeInstanceOf(Unavailable);
    expect(String(error)).not.toMatch(/hidden|127/);
  }
  await reader.close();
});
