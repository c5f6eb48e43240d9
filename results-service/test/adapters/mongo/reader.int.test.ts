import { describe, expect, test } from "bun:test";
import {
  type ResultDocument,
  type ResultRecord,
  resultDocument,
  resultsCollections,
  Unavailable,
} from "@sate/contracts";
import { createCounters } from "@sate/contracts/runtime";
import { MongoClient } from "mongodb";
import { mongoResultsReader } from "../../../src/adapters/mongo/reader.ts";
import { rejection, resultsReaderConformance } from "../../conformance/results-reader.ts";
import { proxyTo } from "../../proxy.ts";
import { attemptsOf, resultOf } from "../../results.ts";
import { testServers } from "../../servers.ts";
import { until } from "../../until.ts";

const servers = await testServers();
const bounds = { limit: 100, bytesMax: 1_000_000 };

/** A database of its own. */
function databaseOn(resultsMongoUrl: string) {
  const url = new URL(resultsMongoUrl);
  url.pathname = `/reader-${Bun.randomUUIDv7()}`;
  const client = new MongoClient(url.href);
  const db = client.db();
  return {
    url,
    db,
    async add(results: ResultRecord[]) {
      const documents = results.map(resultDocument);
      await db.collection<ResultDocument>(resultsCollections.results).insertMany(documents);
    },
    async close() {
      await db.dropDatabase();
      await client.close();
    },
  };
}

if (servers.kind === "running") {
  const { resultsMongoUrl } = servers;

  resultsReaderConformance("mongoResultsReader", async () => {
    const { url, add, close } = databaseOn(resultsMongoUrl);
    return { reader: () => mongoResultsReader({ url: url.href, counters: createCounters() }), add, close };
  });

  describe("mongoResultsReader", () => {
    test("creates nothing in an empty database: read access is enough", async () => {
      const { url, db, close } = databaseOn(resultsMongoUrl);
      const reader = mongoResultsReader({ url: url.href, counters: createCounters() });
      await reader.open();
      await reader.ping();
      expect(await reader.ofRequest(Bun.randomUUIDv7(), 0, bounds)).toEqual({ results: [], more: false });
      expect(await db.listCollections().toArray()).toEqual([]);
      await reader.close();
      await close();
    });

    test("reads a page, and looks up a thousand executions, with one command each", async () => {
      const { url, add, close } = databaseOn(resultsMongoUrl);
      const counters = createCounters();
      const reader = mongoResultsReader({ url: url.href, counters });
      await reader.open();
      const requestId = Bun.randomUUIDv7();
      await add(attemptsOf(requestId, [1, 2, 3]));
      const before = counters.read().mongo_commands ?? 0;
      expect((await reader.ofRequest(requestId, 0, bounds)).results).toHaveLength(3);
      expect((counters.read().mongo_commands ?? 0) - before).toBe(1);
      const thousand = Array.from({ length: 1_000 }, (_, index) => index + 10);
      await add(attemptsOf(requestId, thousand));
      await reader.recorded(thousand.map((attempt) => ({ request_id: requestId, attempt })));
      expect((counters.read().mongo_commands ?? 0) - before).toBe(2);
      await reader.close();
      await close();
    });

    test("recovers from a database that is down at first, goes down, and stops responding", async () => {
      const { url, add, close } = databaseOn(resultsMongoUrl);
      const proxy = await proxyTo({ host: url.hostname, port: Number(url.port) });
      url.host = `127.0.0.1:${proxy.port}`;
      url.searchParams.set("directConnection", "true");
      const reader = mongoResultsReader({ url: url.href, counters: createCounters(), deadlineMs: 1_000 });
      const result = resultOf();
      await add([result]);
      const read = () => reader.ofRequest(result.request_id, 0, bounds);
      const responds = () => succeeds(reader.ping());

      proxy.refuse();
      expect(await rejection(reader.open())).toBeInstanceOf(Unavailable);
      await proxy.accept();
      await until("it opens", () => succeeds(reader.open()));
      expect((await read()).results).toEqual([result]);

      proxy.refuse();
      expect(await rejection(read())).toBeInstanceOf(Unavailable);
      await proxy.accept();
      await until("it responds", responds, 15_000);

      proxy.swallow(true);
      const startAt = performance.now();
      expect(await rejection(read())).toBeInstanceOf(Unavailable);
      expect(performance.now() - startAt).toBeLessThan(3_000);
      proxy.swallow(false);
      await until("it responds", responds, 15_000);
      expect((await read()).results).toEqual([result]);
      await reader.close();
      proxy.refuse();
      await close();
    }, 60_000);
  });
} else {
  describe.skip(`mongoResultsReader is not tested: ${servers.reason}`, () => test("a database", () => {}));
}

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

function succeeds(promise: Promise<unknown>): Promise<boolean> {
  return promise.then(
    () => true,
    () => false,
  );
}
