import { afterEach, describe, expect, test } from "bun:test";
import { executionMark, outcomeMark, topics } from "@sate/contracts";
import type { Execution } from "../src/execution.ts";
import { createOutbox } from "../src/outbox.ts";
import { type Core, createCore } from "./core.ts";
import { madeExecution, madeOutcome, madeRequest, newId } from "./made.ts";
import { until } from "./until.ts";

const cores: Core[] = [];
afterEach(async () => {
  for (const { outbox, publisher, store } of cores.splice(0)) {
    publisher.release();
    await outbox.flush();
    await store.close();
  }
});
function core(): Core {
  const made = createCore();
  cores.push(made);
  return made;
}

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
  const executions = requests.map(({ id }) => madeExecution({ requestId: id }));
  await store.executions.insert(executions);
  return executions;
}

describe("the fast way", () => {
  test("what is accepted is published, and its mark is cleared", async () => {
    const it = core();
    const execution = await it.execution();
    await it.outbox.flush();
    expect(idsOf(it)).toEqual([execution.id]);
    expect(it.publisher.records[0]).toMatchObject({ topic: topics.executions, key: execution.request_id });
    expect(await marks(it)).toEqual([]);
  });

  test("the mark is cleared by itself, with nobody flushing", async () => {
    const it = core();
    await it.execution();
    await until("no mark", async () => (await marks(it)).length === 0);
  });

  test("nobody waits for a broker that hangs, and what gathers meanwhile goes in one call", async () => {
    const it = core();
    it.publisher.mood = "hangs";
    const executions = [];
    for (let index = 0; index < 20; index++) executions.push(await it.execution());
    expect(it.publisher.calls).toBe(1);
    it.publisher.release();
    await it.outbox.flush();
    expect(it.publisher.calls).toBe(2);
    expect(idsOf(it)).toEqual(executions.map(({ id }) => id));
  });

  test("the broker is away: it is accepted all the same, the mark stays, and a sweep publishes it later", async () => {
    const it = core();
    it.publisher.mood = "away";
    const execution = await it.execution();
    await it.outbox.flush();
    expect(await marks(it)).toEqual([executionMark(0)]);
    expect(it.counters.read().outbox_left_to_sweep).toBe(1);
    await it.outbox.sweep();
    await expect(it.outbox.sweep()).rejects.toThrow();
    it.publisher.mood = "well";
    await it.outbox.sweep();
    await it.outbox.flush();
    expect(idsOf(it)).toEqual([execution.id]);
    expect(await marks(it)).toEqual([]);
  });

  test("the broker takes it and does not say so: it is doubled, and that is all", async () => {
    const it = core();
    it.publisher.mood = "takes it and does not answer";
    const execution = await it.execution();
    await it.outbox.flush();
    it.publisher.mood = "well";
    await it.outbox.sweep();
    await it.outbox.sweep();
    await it.outbox.flush();
    expect(idsOf(it)).toEqual([execution.id, execution.id]);
    expect(await marks(it)).toEqual([]);
  });

  test("the mark cannot be cleared: it is doubled, and that is all", async () => {
    const it = core();
    const clear = it.store.outbox.clear;
    it.store.outbox.clear = async () => {
      throw new Error("away");
    };
    await it.execution();
    await it.outbox.flush();
    it.store.outbox.clear = clear;
    expect(await marks(it)).toEqual([executionMark(0)]);
    await it.outbox.sweep();
    await it.outbox.sweep();
    await it.outbox.flush();
    expect(it.publisher.records).toHaveLength(2);
    expect(await marks(it)).toEqual([]);
  });

  test("what waits in memory has a limit of number: beyond it the sweep publishes", async () => {
    const it = core();
    it.publisher.mood = "hangs";
    for (let index = 0; index < 5_003; index++) it.outbox.wake(madeExecution(), madeRequest());
    // One of them is under way, the rest waits.
    expect(it.counters.read().outbox_left_to_sweep).toBe(2);
  });

  test("and a limit of bytes, payloads and outputs counted", () => {
    const it = core();
    it.publisher.mood = "hangs";
    const request = madeRequest({ payloadJson: `"${"x".repeat(3 * 1024 * 1024)}"` });
    const outcome = madeOutcome("succeeded", { outputsJson: `"${"y".repeat(5 * 1024 * 1024)}"` });
    for (let index = 0; index < 10; index++) it.outbox.wake(madeExecution({ outcome }), request);
    expect(it.counters.read().outbox_left_to_sweep).toBe(3);
  });

  test("room comes back when it is published, and when it could not be", async () => {
    const it = core();
    const request = madeRequest({ payloadJson: `"${"x".repeat(40 * 1024 * 1024)}"` });
    for (const mood of ["well", "away", "well"] as const) {
      it.publisher.mood = mood;
      it.outbox.wake(madeExecution(), request);
      await it.outbox.flush();
    }
    expect(it.publisher.records).toHaveLength(2);
    expect(it.counters.read().outbox_left_to_sweep).toBe(1);
  });

  test("a flush waits for one failure of the broker, not for one for each batch", async () => {
    const it = core();
    it.publisher.mood = "hangs";
    for (let index = 0; index < 3_000; index++) it.outbox.wake(madeExecution(), madeRequest());
    const flushed = it.outbox.flush();
    it.publisher.mood = "away";
    it.publisher.release();
    await flushed;
    expect(it.publisher.calls).toBe(1);
    expect(it.counters.read().outbox_left_to_sweep).toBe(3_000);
  });
});

describe("the sweep", () => {
  test("never publishes a fresh mark in the first sweep that sees it", async () => {
    const it = core();
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

  test("publishes outcomes with their outputs, byte for byte", async () => {
    const it = core();
    const run = await it.run(await it.worker());
    const outcome = madeOutcome("succeeded", { outputsJson: '{"2":1e400,"1":"\\ud800"}' });
    await it.commands.finish({ runs: [{ ...run, outcome }] });
    await it.outbox.flush();
    it.publisher.records.length = 0;
    await it.outbox.sweep();
    await it.outbox.sweep();
    expect(it.publisher.records.map(({ topic }) => topic)).toEqual([topics.successful]);
    expect(String(it.publisher.records[0]?.value)).toContain('"outputs":{"2":1e400,"1":"\\ud800"}');
  });

  test("a mark that was replaced since the last sweep is a fresh one", async () => {
    const it = core();
    const [execution] = await orphaned(it, 1);
    await it.outbox.sweep();
    const { requestId: request_id, attempt, id } = execution as Execution;
    const run = await it.run(await it.worker(), { id, request_id, attempt });
    await it.commands.finish({ runs: [{ ...run, outcome: madeOutcome() }] });
    await it.outbox.sweep();
    expect(it.publisher.calls).toBe(0);
    await it.outbox.sweep();
    expect(it.publisher.records.map(({ topic }) => topic)).toEqual([topics.successful]);
  });

  test("more marks than a page, some of them fresh", async () => {
    const it = core();
    const old = await orphaned(it, 1_700);
    await it.outbox.sweep();
    await orphaned(it, 1_700);
    await it.outbox.sweep();
    expect(idsOf(it).toSorted()).toEqual(old.map(({ id }) => id).toSorted());
    await it.outbox.flush();
    expect(await marks(it)).toHaveLength(1_700);
  });

  test("a record that the broker never takes does not hold up the others, new ones neither", async () => {
    const it = core();
    const [poison, ...others] = await orphaned(it, 70);
    it.publisher.refuses = ({ key }) => key === poison?.requestId;
    await it.outbox.sweep();
    others.push(...(await orphaned(it, 2)));
    await expect(it.outbox.sweep()).rejects.toThrow();
    await expect(it.outbox.sweep()).rejects.toThrow();
    await it.outbox.flush();
    expect(idsOf(it).toSorted()).toEqual(others.map(({ id }) => id).toSorted());
    expect(await marks(it)).toEqual([executionMark(0)]);
  });

  test("a broker that is away costs a few calls, however many marks stand", async () => {
    const it = core();
    await orphaned(it, 500);
    it.publisher.mood = "away";
    await it.outbox.sweep();
    await expect(it.outbox.sweep()).rejects.toThrow();
    expect(it.publisher.calls).toBeLessThanOrEqual(3);
    it.publisher.mood = "well";
    await it.outbox.sweep();
    expect(new Set(idsOf(it)).size).toBe(500);
  });

  test("two sweepers double records, and lose none", async () => {
    const it = core();
    const executions = await orphaned(it, 40);
    const { store, publisher, counters, log } = it;
    const other = createOutbox({ store, publisher, counters, log });
    await Promise.all([it.outbox.sweep(), other.sweep()]);
    await Promise.all([it.outbox.sweep(), other.sweep()]);
    await Promise.all([it.outbox.flush(), other.flush()]);
    expect(new Set(idsOf(it))).toEqual(new Set(executions.map(({ id }) => id)));
    expect(await marks(it)).toEqual([]);
  });

  test("outcomes go before wake-ups", async () => {
    const it = core();
    await orphaned(it, 40);
    const run = await it.run(await it.worker());
    await it.commands.finish({ runs: [{ ...run, outcome: madeOutcome("failed", { resultId: newId() }) }] });
    await it.outbox.flush();
    it.publisher.records.length = 0;
    expect((await marks(it))[0]).toBe(outcomeMark);
    await it.outbox.sweep();
    await it.outbox.sweep();
    expect(it.publisher.records[0]?.topic).toBe(topics.failed);
  });
});
