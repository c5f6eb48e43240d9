import { describe, expect, test } from "bun:test";
import { headerNames, topics } from "@sate/contracts";
import { createWaitingSweep } from "../../src/waiting/sweep.ts";
import { madeExecution, madeRequest, newId } from "../builders.ts";
import { beforeNext, type Core, testCore } from "../core.ts";

const published = ({ publisher }: Core) =>
  publisher.records.map(({ topic, value }) => {
    const { id, execution, error } = JSON.parse(String(value));
    return [topic, execution?.id ?? id, error?.code];
  });
const running = new AbortController().signal;
async function swept(it: Core): Promise<void> {
  await it.sweepWaiting();
  await it.outbox.flush();
}

describe("an execution with a start in the future", () => {
  test("has no wake-up and cannot be claimed before its start time, and is then woken exactly once", async () => {
    const it = testCore();
    const request = await it.request({ processor: "word-count" });
    const start_after = it.time.now + 60_000;
    const execution = await it.execution(request.id, { start_after });
    expect(execution).toMatchObject({ status: "queued", start_after, tries: 0 });
    it.time.now = start_after - 1;
    await swept(it);
    const any = () => it.commands.claimAny({ worker_id: newId(), claim_id: newId(), limit: 5 });
    expect((await any()).runs).toEqual([]);
    await expect(it.run(newId(), execution)).rejects.toThrow("not claimed");
    expect(published(it)).toEqual([]);

    it.time.now = start_after;
    await swept(it);
    await swept(it);
    expect(published(it)).toEqual([[topics.executions, execution.id, undefined]]);
    expect(it.publisher.records[0]?.headers[headerNames.processor]).toBe("word-count");
    expect((await any()).runs).toMatchObject([{ execution_id: execution.id, try: 1 }]);
  });

  test("is published by another process if the one that woke it died before publishing", async () => {
    const it = testCore();
    const execution = await it.execution(undefined, { start_after: it.time.now + 1 });
    it.time.now += 1;
    const dead = createWaitingSweep(it.ports, { ...it.outbox, publishAllSoon: async () => {} });
    await dead(running);
    expect(published(it)).toEqual([]);
    for (let sweep = 0; sweep < 2; sweep++) await it.outbox.sweep();
    expect(published(it)).toEqual([[topics.executions, execution.id, undefined]]);
  });

  test("starts at once if that has passed already", async () => {
    const it = testCore();
    const { start_after } = await it.execution(undefined, { start_after: it.time.now });
    expect(start_after).toBeUndefined();
    await it.outbox.flush();
    expect(published(it)).toHaveLength(1);
  });

  test("is cancelled at once", async () => {
    const it = testCore();
    const { request_id, id } = await it.execution(undefined, { start_after: it.time.now + 1 });
    const answer = await it.commands.cancelExecution({ request_id, execution_id: id });
    expect(answer).toMatchObject({ kind: "cancelled" });
    it.time.now += 10;
    await swept(it);
    expect(published(it)).toEqual([[topics.failed, id, "cancelled"]]);
  });
});

describe("an execution that expires", () => {
  test("before its first run ends as failed, without tries, and its request can be executed again", async () => {
    const it = testCore();
    const execution = await it.execution(undefined, { expires_in_seconds: 1.5 });
    expect(execution.expires_at).toBe(it.time.now + 1_500);
    await it.outbox.flush();
    it.publisher.records.length = 0;
    it.time.now += 1_499;
    await swept(it);
    expect((await it.stored(execution)).status).toBe("queued");
    it.time.now += 1;
    await swept(it);
    const stored = await it.stored(execution);
    expect(stored).toMatchObject({ status: "failed", outcome: { error: { code: "expired" } } });
    expect(stored.outcome?.tries).toBeUndefined();
    expect(published(it)).toEqual([[topics.failed, execution.id, "expired"]]);
    expect(it.counters.read().waiting_ended).toBe(1);
    expect((await it.execution(execution.request_id)).attempt).toBe(2);
  });

  test("does not expire once it has run, even if that run is lost", async () => {
    const it = testCore();
    const execution = await it.execution(undefined, { expires_in_seconds: 1 });
    const worker = await it.worker();
    await it.run(worker, execution);
    it.time.now += 5_000;
    await swept(it);
    await it.commands.endWorker({ worker_id: worker });
    await swept(it);
    expect((await it.run(await it.worker(), execution)).epoch).toBe(2);
  });
});

test("an execution that waits in the queue past its deadline ends as timed out, with the tries that it had", async () => {
  const it = testCore();
  const execution = await it.execution(undefined, { timeout_seconds: 10 });
  const run = await it.run(await it.worker(), execution);
  expect(run.left_ms).toBe(10_000);
  const error = { code: "busy", message: "Not now." };
  await it.commands.retryLater({ runs: [{ ...run, delay_ms: 9_999, error }] });
  it.time.now += 9_999;
  await swept(it);
  expect((await it.stored(execution)).status).toBe("queued");
  it.time.now += 1;
  await swept(it);
  expect(await it.stored(execution)).toMatchObject({
    status: "failed",
    outcome: { tries: 1, error: { code: "timeout" } },
  });
});

test("several sweepers at once wake and end each execution once, of more than a page", async () => {
  const it = testCore();
  const executions = Array.from({ length: 1_200 }, (_, index) =>
    madeExecution({ mark: undefined, wake_at: 1, ...(index % 3 ? { start_after: 1 } : { expires_at: 1 }) }),
  );
  await it.store.requests.insert(executions.map(({ request_id: id }) => madeRequest({ id })));
  await it.store.executions.insert(executions);
  const sweepers = [1, 2, 3].map(() => createWaitingSweep(it.ports, it.outbox));
  await Promise.all(sweepers.map((sweep) => sweep(running)));
  await it.sweepWaiting();
  await it.outbox.flush();
  expect(await it.store.waiting.due({ until: it.time.now, limit: 10 })).toEqual([]);
  const ended = published(it).filter(([topic]) => topic === topics.failed);
  expect([ended.length, new Set(ended.map(([, id]) => id)).size]).toEqual([400, 400]);
  expect(new Set(published(it).map(([, id]) => id)).size).toBe(1_200);
});

test("a stopping service begins no further page", async () => {
  const it = testCore();
  await it.execution(undefined, { expires_in_seconds: 1 });
  it.time.now += 1_000;
  await it.sweepWaiting(AbortSignal.abort());
  expect(await it.store.waiting.due({ until: it.time.now, limit: 10 })).toHaveLength(1);
});

test("an execution that is claimed between read and write is left alone", async () => {
  const it = testCore();
  const execution = await it.execution(undefined, { expires_in_seconds: 1 });
  const { now } = it.time;
  it.time.now += 1_000;
  beforeNext(it.store.waiting, "end", async () => {
    it.time.now = now;
    await it.run(await it.worker(), execution);
  });
  await swept(it);
  expect((await it.stored(execution)).status).toBe("running");
});
