import { describe, expect, test } from "bun:test";
import {
  type DeadLetterDocument,
  type ResultDocument,
  type ResultRecord,
  resultOf as resultOfDocument,
  resultsCollections,
} from "@sate/contracts";
import { Binary, MongoClient } from "mongodb";
import { mongoResultsWriter } from "../../src/adapters/results-mongo.ts";
import { Unavailable } from "../../src/ports.ts";
import { createCounters } from "../../src/runtime/metrics.ts";
import { letterOf, rejection, resultsWriterConformance } from "../conformance/results-writer.ts";
import { proxyTo } from "../proxy.ts";
import { resultOf } from "../records.ts";
import { testServers } from "../servers.ts";
import { until } from "../until.ts";

const servers = await testServers();

if (servers.kind === "running") {
  resultsWriterConformance("mongoResultsWriter", async () => {
    const url = new URL(servers.resultsMongoUrl);
    url.pathname = `/writer-${Bun.randomUUIDv7()}`;
    const counters = createCounters();
    const client = new MongoClient(url.href);
    const results = client.db().collection<ResultDocument>(resultsCollections.results);
    const letters = client.db().collection<DeadLetterDocument>(resultsCollections.deadLetters);
    return {
      writer: () => mongoResultsWriter({ url: url.href, counters }),
      async results(requestId) {
        const found = await results.find({ request_id: requestId }).sort({ _id: 1 }).toArray();
        return found.map(resultOfDocument);
      },
      async letter(id) {
        const found = await letters.findOne({ _id: id });
        return found && { ...found, key: plainBytes(found.key), value: plainBytes(found.value) };
      },
      // A document may have 16 MiB.
      spoilt: (result) => ({ ...result, outputs_json: `"${"x".repeat(16 * 1024 * 1024)}"` }),
      writes: () => counters.read().mongo_commands ?? 0,
      async close() {
        await client.db().dropDatabase();
        await client.close();
      },
    };
  });

  describe("mongoResultsWriter behind a network", () => {
    /** A writer behind a proxy, and one that is not. */
    async function behindProxy() {
      const url = new URL(servers.kind === "running" ? servers.resultsMongoUrl : "");
      url.pathname = `/writer-${Bun.randomUUIDv7()}`;
      const proxy = await proxyTo({ host: url.hostname, port: Number(url.port) });
      const direct = new MongoClient(url.href);
      url.host = `127.0.0.1:${proxy.port}`;
      url.searchParams.set("directConnection", "true");
      const writer = mongoResultsWriter({ url: url.href, counters: createCounters(), deadlineMs: 1_000 });
      const results = direct.db().collection<ResultDocument>(resultsCollections.results);
      return {
        proxy,
        writer,
        stored: (result: ResultRecord) => results.countDocuments({ request_id: result.request_id }),
        async [Symbol.asyncDispose]() {
          await writer.close();
          proxy.close();
          await direct.db().dropDatabase();
          await direct.close();
        },
      };
    }

    test("what is not there at first is there later, and again after it went away", async () => {
      await using it = await behindProxy();
      it.proxy.refuse();
      expect(await rejection(it.writer.open())).toBeInstanceOf(Unavailable);
      expect(await rejection(it.writer.record([resultOf("succeeded")]))).toBeInstanceOf(Unavailable);
      await it.proxy.accept();
      await until("it opens", () => succeeds(it.writer.open()));
      const result = resultOf("succeeded");
      expect(await it.writer.record([result])).toEqual(["stored"]);
      it.proxy.refuse();
      expect(await rejection(it.writer.record([result, resultOf("failed")]))).toBeInstanceOf(Unavailable);
      await it.proxy.accept();
      await until("it answers", () => succeeds(it.writer.ping()), 15_000);
      expect(await it.writer.record([result])).toEqual(["repeated"]);
    }, 30_000);

    test("a lost answer is never taken for a stored result, nor for a kept letter", async () => {
      await using it = await behindProxy();
      await it.writer.open();
      const result = resultOf("succeeded");
      it.proxy.loseAnswers(true);
      const calls = [it.writer.record([result]), it.writer.keep([letterOf({})]), it.writer.ping()];
      for (const error of await Promise.all(calls.map(rejection))) expect(error).toBeInstanceOf(Unavailable);
      it.proxy.loseAnswers(false);
      await until("it answers", () => succeeds(it.writer.ping()), 15_000);
      expect(["repeated", "stored"]).toContain((await it.writer.record([result]))[0] as string);
      expect(await it.stored(result)).toBe(1);
    }, 30_000);

    test("a server whose answer takes for ever, byte by byte, is unavailable within the deadline", async () => {
      await using it = await behindProxy();
      await it.writer.open();
      it.proxy.drip(true);
      const startAt = performance.now();
      expect(await rejection(it.writer.record([resultOf("succeeded")]))).toBeInstanceOf(Unavailable);
      expect(performance.now() - startAt).toBeLessThan(3_000);
    }, 30_000);

    test("a server that falls silent is unavailable within the deadline, and well again after it", async () => {
      await using it = await behindProxy();
      await it.writer.open();
      it.proxy.swallow(true);
      const startAt = performance.now();
      const calls = [
        it.writer.record([resultOf("succeeded")]),
        it.writer.keep([letterOf({})]),
        it.writer.ping(),
      ];
      for (const error of await Promise.all(calls.map(rejection))) expect(error).toBeInstanceOf(Unavailable);
      expect(performance.now() - startAt).toBeLessThan(3_000);
      it.proxy.swallow(false);
      await until("it answers", () => succeeds(it.writer.ping()), 15_000);
      expect(await it.writer.record([resultOf("succeeded")])).toEqual(["stored"]);
    }, 30_000);
  });
} else {
  describe.skip(`mongoResultsWriter is not tested: ${servers.reason}`, () => test("a database", () => {}));
}

function succeeds(promise: Promise<unknown>): Promise<boolean> {
  return promise.then(
    () => true,
    () => false,
  );
}

/** The driver reads bytes as its own class. */
function plainBytes(bytes: Uint8Array | null): Uint8Array | null {
  return bytes instanceof Binary ? new Uint8Array(bytes.value()) : bytes;
}

test("a database that is not there is unavailable, and its address is not in the message", async () => {
  const url = "mongodb://user:secret@127.0.0.1:1/results";
  const writer = mongoResultsWriter({ url, counters: createCounters(), deadlineMs: 300 });
  for (const call of [writer.open, writer.ping, () => writer.record([resultOf("succeeded")])]) {
    const error = await rejection(call());
    expect(error).toBeInstanceOf(Unavailable);
    expect(String(error)).not.toMatch(/secret|127/);
  }
  await writer.close();
});

test("a database that is silent is unavailable in time, and closing does not wait for it", async () => {
  using silent = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const url = `mongodb://127.0.0.1:${silent.port}/results`;
  const writer = mongoResultsWriter({ url, counters: createCounters(), deadlineMs: 300 });
  expect(await rejection(writer.open())).toBeInstanceOf(Unavailable);
  await writer.close();
}, 5_000);
