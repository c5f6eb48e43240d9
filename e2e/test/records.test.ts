import { expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { defaultProcessor, topics } from "@sate/contracts";
import { readCounters } from "../src/measure.ts";
import { runsByExecution } from "../src/runs/run-log.ts";
import { kafkaLog } from "../src/system/kafka.ts";
import { sharedSystem } from "../src/system/shared-system.ts";
import type { TopicRecord } from "../src/system/system.ts";
import { until } from "../src/until.ts";

const { system, client } = await sharedSystem();
const consumed = [topics.executions, topics.successful, topics.failed];

async function execute(payload: unknown, forceError = false) {
  const requestId = await client.createRequest(payload, "pong");
  const { json } = await client.execute(requestId, { force_error: forceError });
  return { requestId, executionId: json.id, forceError };
}

async function executeToEnd(payload: unknown, forceError = false) {
  const executed = await execute(payload, forceError);
  await client.results(executed.requestId);
  return executed;
}

function expectOneRun(executed: { executionId: string }[]): void {
  const runs = runsByExecution(system.runLog);
  for (const { executionId } of executed) expect(runs.get(executionId)).toHaveLength(1);
}

/** Unreadable records, and a readable one of an execution that is not stored. */
function garbageWith(mark: string): { records: TopicRecord[]; unknown: TopicRecord } {
  const of = (value: string | Buffer | null, more: Partial<TopicRecord> = {}): TopicRecord => ({
    key: null,
    value: value === null ? null : Buffer.from(value),
    headers: {},
    ...more,
  });
  const unknown = `{"id":"${mark}","attempt":1,"force_error":false,"creation_date":"2020-11-07 16:31:58.103057","processing_request":{"id":"${mark}","payload":1}}`;
  return {
    records: [
      of(`garbage ${mark}`, { key: Buffer.from("k"), headers: { own: "header" } }),
      of(null, { key: Buffer.from(mark) }),
      of(Buffer.concat([Buffer.from(mark), randomBytes(1024 * 1024)]), { key: randomBytes(1_000) }),
      of(`{"id":1,"mark":"${mark}"}`),
      of(`{"mark":"${mark}"}`, { headers: { "schema-version": "999" } }),
    ],
    unknown: of(unknown, { headers: { processor: defaultProcessor } }),
  };
}

// Standalone stores no records: none can be redelivered, published from outside, or lost after an acknowledgement.
if (system.kind === "cluster") {
  const log = kafkaLog(system.kafka());

  test("redelivering every record changes nothing and starts no run", async () => {
    const done: Awaited<ReturnType<typeof execute>>[] = [];
    for (let number = 0; number < 10; number++) done.push(await executeToEnd({ number }, number % 3 === 0));
    const results = () =>
      Promise.all(
        done.map(async ({ requestId }) => (await client.get(`/requests/${requestId}/results`)).text),
      );
    const before = await results();
    const keys = new Set(done.map(({ requestId }) => requestId));
    let doubled = 0;
    for (const topic of consumed) {
      const records = (await log.read(topic)).filter(({ key }) => keys.has(String(key)));
      doubled += records.length;
      await log.publish(topic, [...records, ...records].reverse());
    }
    expect(doubled).toBeGreaterThanOrEqual(20);
    // These come after them, on every partition: when they are processed, the redelivered ones are too.
    await Promise.all(Array.from({ length: 40 }, (_, after) => executeToEnd({ after }, after % 2 === 0)));
    expect(await results()).toEqual(before);
    expectOneRun(done);
  }, 180_000);

  test("an unreadable record lands in the dead letter queue with its bytes and origin; the others are processed", async () => {
    const { records, unknown } = garbageWith(Bun.randomUUIDv7());
    const unknownBefore = (await readCounters(system)).claims_unknown ?? 0;
    for (const topic of Object.values(topics)) await log.publish(topic, [...records, unknown]);
    const wanted = consumed.flatMap((topic) => [
      ...records.map((record) => ({ topic, record })),
      // On the executions topic it is readable, and there is nothing to run.
      ...(topic === topics.executions ? [] : [{ topic, record: unknown }]),
    ]);
    const isSame = (a: Buffer | null, b: Buffer | null) => (a === null || b === null ? a === b : a.equals(b));
    const letters = await until("every garbage record is a dead letter", 60_000, async () => {
      await executeToEnd({ after: "garbage" });
      const all = await log.read(topics.deadLetters);
      const read = all.filter(({ headers }) => headers.reason === "unreadable_record");
      const isThere = ({ topic, record }: (typeof wanted)[number]) =>
        read.some(
          ({ value, key, headers }) =>
            isSame(value, record.value) && isSame(key, record.key) && headers["origin-topic"] === topic,
        );
      return wanted.every(isThere) && read;
    });
    for (const { headers } of letters) {
      expect(headers["origin-partition"]).toMatch(/^\d+$/);
      expect(headers["origin-offset"]).toMatch(/^\d+$/);
      expect(headers.detail?.length).toBeGreaterThan(5);
    }
    const isCounted = async () => ((await readCounters(system)).claims_unknown ?? 0) > unknownBefore;
    await until("the unknown execution is counted", 30_000, isCounted);
  }, 180_000);

  test("outcomes that the broker loses after acknowledging them are published again, and nothing runs twice", async () => {
    const listeners = system.processes("results-listener");
    const cleared = async () => (await readCounters(system, "processor")).marks_cleared ?? 0;
    const again = async () => (await readCounters(system, "requests-service")).outcomes_published_again ?? 0;
    const [clearedBefore, againBefore] = [await cleared(), await again()];
    const executed: Awaited<ReturnType<typeof execute>>[] = [];
    for (const { pid } of listeners) process.kill(pid, "SIGSTOP");
    try {
      for (let number = 0; number < 12; number++) executed.push(await execute({ number }, number % 3 === 0));
      const areCleared = async () => (await cleared()) >= clearedBefore + executed.length;
      await until("their outcomes are published and the marks cleared", 60_000, areCleared);
      await log.recreate([topics.successful, topics.failed]);
    } finally {
      for (const { pid } of listeners) process.kill(pid, "SIGCONT");
    }
    for (const { requestId, forceError } of executed) {
      const results = await client.results(requestId, 1, 120_000);
      expect(results.map(({ is_success }) => is_success)).toEqual([!forceError]);
    }
    // Some may not be lost: a fetch in progress when its listener was frozen has received them.
    expect(await again()).toBeGreaterThan(againBefore);
    expectOneRun(executed);
    await system.ready();
  }, 240_000);
}
