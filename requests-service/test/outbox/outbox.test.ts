import { describe, expect, test } from "bun:test";
import { executionMark, topics } from "@sate/contracts";
import { until } from "@sate/contracts/test/until.ts";
import type { Execution } from "../../src/executions/execution.ts";
import { createOutbox } from "../../src/outbox/outbox.ts";
import { madeExecution, madeOutcome, madeRequest } from "../builders.ts";
import { beforeNext, type Core, testCore } from "../core.ts";

const marks = async ({ store }: Core) =>
  (await store.outbox.marked({ limit: 10_000 })).map(({ mark }) => mark);
const idsOf = ({ publisher }: Core) =>
  publisher.records.map(({ value }) => {
    const { id, execution } = JSON.parse(String(value));
    return execution?.id ?? id;
  });
/** Executions that were stored by a process that died before it could publish. */
async function orphaned({ store }: Core, count: number): Promise<Execution[]> {
  const requests = Array.from({ length: count }, () => madeRequest());
  await store.requests.insert(requests);
  const executions = requests.map(({ id }) => madeExecution({ request_id: id }));
  await store.executions.insert(executions);
  return executions;
}

/** A mark is published by the second sweep that sees it. */
async function sweepTwice({ outbox }: Core): Promise<void> {
  await outbox.sweep();
  await outbox.sweep();
  await outbox.flush();
}

describe("the fast path", () => {
  test("an accepted execution is published, and its mark is cleared", async () => {
    const it = testCore();
    const execution = await it.execution();
    await until("no mark", async () => (await marks(it)).length === 0);
    expect(idsOf(it)).toEqual([execution.id]);
    expect(it.publisher.records[0]).toMatchObject({ topic: topics.executions, key: execution.request_id });
  });

  test("a broker that hangs delays no execution, and what is accepted meanwhile is published in one call", async () => {
    const it = testCore();
    it.publisher.mood = "hangs";
    const executions = [await it.execution()];
    await until("the first is being published", () => it.publisher.calls === 1);
    for (let index = 0; index < 19; index++) executions.push(await it.execution());
    it.publisher.release();
    await it.outbox.flush();
    expect(it.publisher.calls).toBe(2);
    expect(idsOf(it)).toEqual(executions.map(({ id }) => id));
  });

  test("without a broker an execution is accepted, its mark stays, and a sweep publishes it later", async () => {
    const it = testCore();
    it.publisher.mood = "away";
    const execution = await it.execution();
    await it.outbox.flush();
    expect(await marks(it)).toEqual([executionMark(0)]);
    expect(it.counters.read().outbox_left_to_sweep).toBe(1);
    await it.outbox.sweep();
    await expect(it.outbox.sweep()).rejects.toThrow();
    it.publisher.mood = "healthy";
    await it.outbox.sweep();
    await it.outbox.flush();
    expect(idsOf(it)).toEqual([execution.id]);
    expect(await marks(it)).toEqual([]);
  });

  test("a record whose acknowledgement was lost is published twice", async () => {
    const it = testCore();
    it.publisher.mood = "acknowledges nothing";
    const { id } = await it.execution();
    await it.outbox.flush();
    it.publisher.mood = "healthy";
    await sweepTwice(it);
    expect([idsOf(it), await marks(it)]).toEqual([[id, id], []]);
  });

  test("a record whose mark could not be cleared is published twice", async () => {
    const it = testCore();
    beforeNext(it.store.outbox, "clear", () => Promise.reject(new Error("away")));
    const { id } = await it.execution();
    await it.outbox.flush();
    expect(await marks(it)).toEqual([executionMark(0)]);
    await sweepTwice(it);
    expect([idsOf(it), await marks(it)]).toEqual([[id, id], []]);
  });

  const large = (megabytes: number) => `"${"x".repeat(megabytes * 1024 * 1024)}"`;
  const outcome = madeOutcome("succeeded", { outputsJson: large(5) });
  test.each([
    ["number", 5_003, madeExecution(), madeRequest(), 3],
    ["bytes", 10, madeExecution({ outcome }), madeRequest({ payload_json: large(3) }), 3],
  ])(
    "what waits in memory is limited in %s; the sweep publishes the rest",
    (_, count, execution, request, left) => {
      const it = testCore();
      it.publisher.mood = "hangs";
      for (let index = 0; index < count; index++) it.outbox.publishSoon(execution, request);
      expect(it.counters.read().outbox_left_to_sweep).toBe(left);
    },
  );

  test("publishing frees room in memory, also when it fails", async () => {
    const it = testCore();
    const request = madeRequest({ payload_json: `"${"x".repeat(40 * 1024 * 1024)}"` });
    for (const mood of ["healthy", "away", "healthy"] as const) {
      it.publisher.mood = mood;
      it.outbox.publishSoon(madeExecution(), request);
      await it.outbox.flush();
    }
    expect(it.publisher.records).toHaveLength(2);
    expect(it.counters.read().outbox_left_to_sweep).toBe(1);
  });

  test("a flush waits for one failure of the broker, not for one per batch", async () => {
    const it = testCore();
    it.publisher.mood = "hangs";
    for (let index = 0; index < 3_000; index++) it.outbox.publishSoon(madeExecution(), madeRequest());
    const flushed = it.outbox.flush();
    it.publisher.mood = "away";
    it.publisher.release();
    await flushed;
    expect(it.publisher.calls).toBe(1);
    expect(it.counters.read().outbox_left_to_sweep).toBe(3_000);
  });
});

describe("the outbox sweep", () => {
  test("never publishes a fresh mark in the first sweep that sees it", async () => {
    const it = testCore();
    const [execution] = await orphaned(it, 1);
    await it.outbox.sweep();
    expect(it.publisher.calls).toBe(0);
    const later = await orphaned(it, 1);
    await it.outbox.sweep();
    expect(idsOf(it)).toEqual([execution?.id]);
    await it.outbox.sweep();
    expect(idsOf(it)).toEqual([execution?.id, later[0]?.id]);
    expect(it.counters.read().outbox_swept).toBe(2);
  });

  test("treats a mark that was replaced since the last sweep as a fresh one", async () => {
    const it = testCore();
    const [execution] = await orphaned(it, 1);
    await it.outbox.sweep();
    const { request_id, attempt, id } = execution as Execution;
    const run = await it.run(await it.worker(), { id, request_id, attempt });
    await it.commands.finish({ runs: [{ ...run, outcome: madeOutcome() }] });
    await it.outbox.sweep();
    expect(it.publisher.calls).toBe(0);
    await it.outbox.sweep();
    expect(it.publisher.records.map(({ topic }) => topic)).toEqual([topics.successful]);
  });

  test("publishes the old ones among more marks than a page", async () => {
    const it = testCore();
    const old = await orphaned(it, 1_700);
    await it.outbox.sweep();
    await orphaned(it, 1_700);
    await it.outbox.sweep();
    expect(idsOf(it).toSorted()).toEqual(old.map(({ id }) => id).toSorted());
    await it.outbox.flush();
    expect(await marks(it)).toHaveLength(1_700);
  });

  test("publishes the others, new ones too, when the broker never accepts one record", async () => {
    const it = testCore();
    const [poison, ...others] = await orphaned(it, 70);
    it.publisher.refuses = ({ key }) => key === poison?.request_id;
    await it.outbox.sweep();
    others.push(...(await orphaned(it, 2)));
    await expect(it.outbox.sweep()).rejects.toThrow();
    await expect(it.outbox.sweep()).rejects.toThrow();
    await it.outbox.flush();
    expect(idsOf(it).toSorted()).toEqual(others.map(({ id }) => id).toSorted());
    expect(await marks(it)).toEqual([executionMark(0)]);
  });

  test("publishes the others when the request of one is missing", async () => {
    const it = testCore();
    const [gone, ...others] = await orphaned(it, 40);
    const { get } = it.store.requests;
    it.store.requests.get = async (ids) => {
      const found = await get(ids);
      found.delete(gone?.request_id ?? "");
      return found;
    };
    await it.outbox.sweep();
    await expect(it.outbox.sweep()).rejects.toThrow();
    expect(idsOf(it).toSorted()).toEqual(others.map(({ id }) => id).toSorted());
  });

  test("reaches every other record when many come first that the broker never accepts", async () => {
    const it = testCore();
    const executions = await orphaned(it, 100);
    const poison = new Set(executions.slice(0, 40).map(({ request_id }) => request_id));
    it.publisher.refuses = ({ key }) => poison.has(String(key));
    await it.outbox.sweep();
    for (let sweeps = 0; sweeps < 200 && it.publisher.records.length < 60; sweeps++) {
      await expect(it.outbox.sweep()).rejects.toThrow();
      await it.outbox.flush();
    }
    const others = executions.slice(40).map(({ id }) => id);
    expect(idsOf(it).toSorted()).toEqual(others.toSorted());
  });

  test("makes few calls of an absent broker, however many marks there are", async () => {
    const it = testCore();
    await orphaned(it, 500);
    it.publisher.mood = "away";
    await it.outbox.sweep();
    await expect(it.outbox.sweep()).rejects.toThrow();
    expect(it.publisher.calls).toBeLessThanOrEqual(3);
    it.publisher.mood = "healthy";
    await it.outbox.sweep();
    expect(new Set(idsOf(it)).size).toBe(500);
  });

  test("publishes every record when two sweepers run at once", async () => {
    const it = testCore();
    const executions = await orphaned(it, 40);
    const other = createOutbox(it.ports);
    await Promise.all([it.outbox.sweep(), other.sweep()]);
    await Promise.all([it.outbox.sweep(), other.sweep()]);
    await Promise.all([it.outbox.flush(), other.flush()]);
    expect(new Set(idsOf(it))).toEqual(new Set(executions.map(({ id }) => id)));
    expect(await marks(it)).toEqual([]);
  });

  test("publishes outcomes before wake-ups, with their outputs, byte for byte", async () => {
    const it = testCore();
    await orphaned(it, 40);
    const run = await it.run(await it.worker());
    const outcome = madeOutcome("succeeded", { outputsJson: '{"2":1e400,"1":"\\ud800"}' });
    await it.commands.finish({ runs: [{ ...run, outcome }] });
    await it.outbox.flush();
    it.publisher.records.length = 0;
    await sweepTwice(it);
    const [first] = it.publisher.records;
    expect(first?.topic).toBe(topics.successful);
    expect(String(first?.value)).toContain('"outputs":{"2":1e400,"1":"\\ud800"}');
  });
});
