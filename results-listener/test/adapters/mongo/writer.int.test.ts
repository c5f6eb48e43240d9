import { describe, expect, test } from "bun:test";
import {
  type DeadLetterDocument,
  type ResultDocument,
  type ResultRecord,
  resultOf as resultOfDocument,
  resultsCollections,
  Unavailable,
} from "@sate/contracts";
import { createCounters } from "@sate/contracts/runtime";
import { Binary, MongoClient } from "mongodb";
import { mongoResultsWriter } from "../../../src/adapters/mongo/writer.ts";
import { deadLetterOf, rejection, resultsWriterConformance } from "../../conformance/results-writer.ts";
import { proxyTo } from "../../proxy.ts";
import { resultOf } from "../../records.ts";
import { testServers } from "../../servers.ts";
import { until } from "../../until.ts";

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
      async deadLetter(id) {
        const found = await letters.findOne({ _id: id });
        return found && { ...found, key: plainBytes(found.key), value: plainBytes(found.value) };
      },
      // A document may have 16 MiB.
      invalid: (result) => ({ ...result, outputs_json: `"${"x".repeat(16 * 1024 * 1024)}"` }),
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

    test("it recovers from a server that is down at first, and goes down again", async () => {
      await using it = await behindProxy();
      it.proxy.refuse();
      expect(await rejection(it.writer.open())).toBeInstanceOf(Unavailable);
      expect(await rejection(it.writer.recordResults([resultOf("succeeded")]))).toBeInstanceOf(Unavailable);
      await it.proxy.accept();
      await until("it opens", () => succeeds(it.writer.open()));
      const result = resultOf("succeeded");
      expect(await it.writer.recordResults([result])).toEqual(["stored"]);
      it.proxy.refuse();
      expect(await rejection(it.writer.recordResults([result, resultOf("failed")]))).toBeInstanceOf(
        Unavailable,
      );
      await it.proxy.accept();
      await until("it responds", () => succeeds(it.writer.ping()), 15_000);
      expect(await it.writer.recordResults([result])).toEqual(["repeated"]);
    }, 30_000);

    test("a lost response is never taken for a stored result or dead letter", async () => {
      await using it = await behindProxy();
      await it.writer.open();
      const result = resultOf("succeeded");
      it.proxy.loseAnswers(true);
      const calls = [
        it.writer.recordResults([result]),
        it.writer.storeDeadLetters([deadLetterOf({})]),
        it.writer.ping(),
      ];
      for (const error of await Promise.all(calls.map(rejection))) expect(error).toBeInstanceOf(Unavailable);
      it.proxy.loseAnswers(false);
      await until("it responds", () => succeeds(it.writer.ping()), 15_000);
      expect(["repeated", "stored"]).toContain((await it.writer.recordResults([result]))[0] as string);
      expect(await it.stored(result)).toBe(1);
    }, 30_000);

    test("a response that arrives byte by byte is unavailable within the deadline", async () => {
      await using it = await behindProxy();
      await it.writer.open();
      it.proxy.drip(true);
      const startAt = performance.now();
      expect(await rejection(it.writer.recordResults([resultOf("succeeded")]))).toBeInstanceOf(Unavailable);
      expect(performance.now() - startAt).toBeLessThan(3_000);
    }, 30_000);

    test("a server that stops responding is unavailable within the deadline, and is used again when it responds", async () => {
      await using it = await behindProxy();
      await it.writer.open();
      it.proxy.swallow(true);
      const startAt = performance.now();
      const calls = [
        it.writer.recordResults([resultOf("succeeded")]),
        it.writer.storeDeadLetters([deadLetterOf({})]),
        it.writer.ping(),
      ];
      for (const error of await Promise.all(calls.map(rejection))) expect(error).toBeInstanceOf(Unavailable);
      expect(performance.now() - startAt).toBeLessThan(3_000);
      it.proxy.swallow(false);
      await until("it responds", () => succeeds(it.writer.ping()), 15_000);
      expect(await it.writer.recordResults([resultOf("succeeded")])).toEqual(["stored"]);
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

test("a database that is down is unavailable, and its address is not in the message", async () => {
  const url = "mongodb://user:secret@127.0.0.1:1/results";
  const writer = mongoResultsWriter({ url, counters: createCounters(), deadlineMs: 300 });
  for (const call of [writer.open, writer.ping, () => writer.recordResults([resultOf("succeeded")])]) {
    const error = await rejection(call());
    expect(error).toBeInstanceOf(Unavailable);
    expect(String(error)).not.toMatch(/secret|127/);
  }
  await writer.close();
});

test("a database that never responds is unavailable within the deadline, and closing does not wait for it", async () => {
  using silent = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const url = `mongodb://127.0.0.1:${silent.port}/results`;
  const writer = mongoResultsWriter({ url, counters: createCounters(), deadlineMs: 300 });
  expect(await rejection(writer.open())).toBeInstanceOf(Unavailable);
  await writer.close();
}, 5_000);
