import { expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { type Topic, topics } from "@sate/contracts";
import { readCounters } from "../src/measure.ts";
import { startsOf } from "../src/runs/run-log.ts";
import { kafkaLog } from "../src/system/kafka.ts";
import { sharedSystem, sharedToken } from "../src/system/shared-system.ts";
import type { TopicRecord } from "../src/system/system.ts";
import { until } from "../src/until.ts";

const { system, client } = await sharedSystem();

async function executeToEnd(
  payload: unknown,
  forceError = false,
): Promise<{ requestId: string; executionId: string }> {
  const requestId = await client.createRequest(payload, "pong");
  const { json } = await client.execute(requestId, { force_error: forceError });
  await until("it has its result", 60_000, async () => (await client.results(requestId)).length === 1);
  return { requestId, executionId: json.id };
}

// Standalone stores no records: none comes again, from outside, or is lost after it was acknowledged.
if (system.kind === "cluster") {
  test("redelivering every record changes nothing and starts no run", async () => {
    const topicLog = system.topics();
    const done = [];
    for (let number = 0; number < 10; number++) done.push(await executeToEnd({ number }, number % 3 === 0));
    const before = await Promise.all(
      done.map(({ requestId }) => client.get(`/requests/${requestId}/results`)),
    );
    const keys = new Set(done.map(({ requestId }) => requestId));
    let doubled = 0;
    for (const topic of [topics.executions, topics.successful, topics.failed]) {
      const records = (await topicLog.read(topic)).filter(({ key }) => keys.has(String(key)));
      doubled += records.length;
      await topicLog.publish(topic, [...records, ...records].reverse());
    }
    expect(doubled).toBeGreaterThanOrEqual(20);
    // What comes after them has been through, so they have been too: one for each partition and more.
    await Promise.all(Array.from({ length: 40 }, (_, after) => executeToEnd({ after }, after % 2 === 0)));
    const after = await Promise.all(
      done.map(({ requestId }) => client.get(`/requests/${requestId}/results`)),
    );
    expect(after.map(({ text }) => text)).toEqual(before.map(({ text }) => text));
    const starts = startsOf(system.runLog);
    for (const { executionId } of done) expect(starts.get(executionId)).toHaveLength(1);
  }, 180_000);

  test("an unreadable record lands in the dead letter queue with its bytes and origin; the others are processed", async () => {
    const topicLog = system.topics();
    const mark = Bun.randomUUIDv7();
    const text = (value: string) => Buffer.from(value);
    const garbage: Record<string, TopicRecord> = {
      "no JSON": { key: text("k"), value: text(`garbage ${mark}`), headers: { own: "header" } },
      "no value": { key: text(mark), value: null, headers: {} },
      "1 MiB of random bytes, and a random key": {
        key: randomBytes(1_000),
        value: Buffer.concat([text(mark), randomBytes(1024 * 1024)]),
        headers: {},
      },
      "wrong shape": { key: null, value: text(`{"id":1,"mark":"${mark}"}`), headers: {} },
      "a newer schema": {
        key: null,
        value: text(`{"mark":"${mark}"}`),
        headers: { "schema-version": "999" },
      },
      "an execution that nobody knows": {
        key: null,
        value: text(
          `{"id":"${mark}","attempt":1,"force_error":false,"creation_date":"2020-11-07 16:31:58.103057","processing_request":{"id":"${mark}","payload":1}}`,
        ),
        headers: {},
      },
    };
    const unknownBefore = (await readCounters(system, sharedToken)).claims_unknown ?? 0;
    const wanted: { topic: Topic; name: string; record: TopicRecord }[] = [];
    for (const topic of Object.values(topics)) {
      await topicLog.publish(topic, Object.values(garbage));
      for (const [name, record] of Object.entries(garbage)) {
        // On the executions topic it can be read: nobody has it, so there is nothing to do.
        if (name === "an execution that nobody knows" && topic === topics.executions) continue;
        if (topic !== topics.deadLetters) wanted.push({ topic, name, record });
      }
    }
    await executeToEnd({ after: "garbage" });
    const letters = await until("every garbage record is a dead letter", 60_000, async () => {
      await executeToEnd({ once: "more" });
      const read = (await topicLog.read(topics.deadLetters)).filter(
        ({ headers }) => headers.reason === "unreadable_record",
      );
      const isThere = (one: (typeof wanted)[number]) =>
        read.some(({ value, key, headers }) => {
          const sameBytes = value === null ? one.record.value === null : one.record.value?.equals(value);
          const sameKey = key === null ? one.record.key === null : one.record.key?.equals(key);
          return sameBytes && sameKey && headers["origin-topic"] === one.topic;
        });
      return wanted.every(isThere) && read;
    });
    for (const { headers } of letters) {
      expect(headers["origin-partition"]).toMatch(/^\d+$/);
      expect(headers["origin-offset"]).toMatch(/^\d+$/);
      expect(headers.detail?.length).toBeGreaterThan(5);
    }
    await until("the execution that nobody knows is counted", 30_000, async () => {
      return ((await readCounters(system, sharedToken)).claims_unknown ?? 0) > unknownBefore;
    });
  }, 180_000);

  test("outcomes that the broker loses after acknowledging them are published again, and nothing runs twice", async () => {
    const listeners = system.processes("results-listener");
    const cleared = async () => (await readCounters(system, sharedToken, "processor")).marks_cleared ?? 0;
    const again = async () =>
      (await readCounters(system, sharedToken, "requests-service")).outcomes_published_again ?? 0;
    const [clearedBefore, againBefore] = [await cleared(), await again()];
    const executed: { requestId: string; executionId: string; forceError: boolean }[] = [];
    for (const { pid } of listeners) process.kill(pid, "SIGSTOP");
    try {
      for (let number = 0; number < 12; number++) {
        const requestId = await client.createRequest({ number }, "pong");
        const forceError = number % 3 === 0;
        const { json } = await client.execute(requestId, { force_error: forceError });
        executed.push({ requestId, executionId: json.id, forceError });
      }
      await until("their outcomes are published and the marks cleared", 60_000, async () => {
        return (await cleared()) >= clearedBefore + executed.length;
      });
      await kafkaLog(system.kafka()).makeAnew([topics.successful, topics.failed]);
    } finally {
      for (const { pid } of listeners) process.kill(pid, "SIGCONT");
    }
    for (const { requestId, forceError } of executed) {
      const results = await until("its result is there all the same", 120_000, async () => {
        const found = await client.results(requestId);
        return found.length > 0 && found;
      });
      expect(results.map(({ is_success }) => is_success)).toEqual([!forceError]);
    }
    // Not all of them were lost: a fetch that waited when its listener was frozen has got the first ones.
    expect(await again()).toBeGreaterThan(againBefore);
    const starts = startsOf(system.runLog);
    for (const { executionId } of executed) expect(starts.get(executionId)).toHaveLength(1);
    await system.ready();
  }, 240_000);
}
