import { expect, test } from "bun:test";
import {
  type DeadLetterDocument,
  type ResultDocument,
  resultOf as resultOfDocument,
  resultsCollections,
  Unavailable,
} from "@sate/contracts";
import { createCounters } from "@sate/contracts/runtime";
import { proxyTo } from "@sate/contracts/test/support/proxy.ts";
import { describeOnServers } from "@sate/contracts/test/support/servers.ts";
import { rejection, succeeds } from "@sate/contracts/test/support/settled.ts";
import { until } from "@sate/contracts/test/until.ts";
import { Binary, MongoClient } from "mongodb";
import { mongoResultsWriter } from "../../../src/adapters/mongo/writer.ts";
import { deadLetterOf, resultsWriterConformance } from "../../conformance/results-writer.ts";
import { resultOf } from "../../records.ts";

await describeOnServers("mongoResultsWriter", ({ resultsMongoUrl }) => {
  /** A database of its own, and its collections. */
  function database() {
    const url = new URL(resultsMongoUrl);
    url.pathname = `/writer-${Bun.randomUUIDv7()}`;
    const client = new MongoClient(url.href);
    const db = client.db();
    return {
      url,
      results: db.collection<ResultDocument>(resultsCollections.results),
      letters: db.collection<DeadLetterDocument>(resultsCollections.deadLetters),
      async close() {
        await db.dropDatabase();
        await client.close();
      },
    };
  }

  resultsWriterConformance("mongoResultsWriter", async () => {
    const { url, results, letters, close } = database();
    const counters = createCounters();
    return {
      writer: () => mongoResultsWriter({ url: url.href, counters }),
      async results(requestId) {
        const live = { request_id: requestId, removed_at: { $exists: false } };
        return (await results.find(live).sort({ _id: 1 }).toArray()).map(resultOfDocument);
      },
      async stored(requestId) {
        return JSON.stringify(await results.find({ request_id: requestId }).toArray());
      },
      async deadLetter(id) {
        const found = await letters.findOne({ _id: id });
        return found && { ...found, key: plainBytes(found.key), value: plainBytes(found.value) };
      },
      // A document may have 16 MiB.
      invalid: (result) => ({ ...result, outputs_json: `"${"x".repeat(16 * 1024 * 1024)}"` }),
      writes: () => counters.read().mongo_commands ?? 0,
      close,
    };
  });

  test("a removal finds dead letters of version 0.1.0, which do not say which request they are about", async () => {
    const { url, letters, close } = database();
    const writer = mongoResultsWriter({ url: url.href, counters: createCounters() });
    await writer.open();
    const request_id = Bun.randomUUIDv7();
    const value = Buffer.from(JSON.stringify({ processing_request: { id: request_id, payload: "secret" } }));
    const reason = Buffer.from("max_failures").toString("base64");
    const letter = { ...deadLetterOf({ request_id }), value, headers: JSON.stringify({ reason }) };
    const { request_id: _, attempt, execution_id, processor, ...old } = letter;
    await letters.insertMany([old as never, deadLetterOf({ request_id: null })]);
    expect(await writer.removeDeadLettersOf([request_id], 10)).toBe(1);
    expect(await letters.countDocuments()).toBe(1);
    await writer.close();
    await close();
  });

  /** A writer with a deadline of a second, behind a proxy. */
  async function behindProxy() {
    const { url, results, close } = database();
    const proxy = await proxyTo({ host: url.hostname, port: Number(url.port) });
    url.host = `127.0.0.1:${proxy.port}`;
    url.searchParams.set("directConnection", "true");
    const writer = mongoResultsWriter({ url: url.href, counters: createCounters(), deadlineMs: 1_000 });
    return {
      proxy,
      writer,
      responds: () => until("it responds", () => succeeds(writer.ping()), 15_000),
      countOf: (requestId: string) => results.countDocuments({ request_id: requestId }),
      async [Symbol.asyncDispose]() {
        await writer.close();
        proxy.refuse();
        await close();
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
    const both = it.writer.recordResults([result, resultOf("failed")]);
    expect(await rejection(both)).toBeInstanceOf(Unavailable);
    await it.proxy.accept();
    await it.responds();
    expect(await it.writer.recordResults([result])).toEqual(["repeated"]);
  }, 30_000);

  test.each([
    ["cut, with their connections", "cut"],
    ["swallowed", "swallow"],
    ["sent byte by byte", "drip"],
  ] as const)(
    "while replies are %s, nothing counts as stored, within the deadline; then it is used again",
    async (_, replies) => {
      await using it = await behindProxy();
      await it.writer.open();
      const result = resultOf("succeeded");
      it.proxy.replies = replies;
      const startAt = performance.now();
      const calls = [
        it.writer.recordResults([result]),
        it.writer.storeDeadLetters([deadLetterOf({})]),
        it.writer.ping(),
      ];
      for (const error of await Promise.all(calls.map(rejection))) expect(error).toBeInstanceOf(Unavailable);
      expect(performance.now() - startAt).toBeLessThan(3_000);
      it.proxy.replies = "pass";
      await it.responds();
      expect(["repeated", "stored"]).toContain((await it.writer.recordResults([result]))[0] as string);
      expect(await it.countOf(result.request_id)).toBe(1);
    },
    30_000,
  );
});

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
