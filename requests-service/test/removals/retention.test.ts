import { describe, expect, test } from "bun:test";
import { derivedId, executionKey, idFloor, Unavailable } from "@sate/contracts";
import { rejection } from "@sate/contracts/test/support/settled.ts";
import { madeExecution, madeOutcome, newId } from "../builders.ts";
import { type Core, testCore, wanted } from "../core.ts";
import { expectRemoved } from "./removed.ts";

const day = 86_400_000;
const { signal } = new AbortController();
/** When everything is created. */
const start = 1_700_000_000_000;
const idAt = (time: number) => derivedId(time, newId());

/** A request of that time with an execution that ends `afterMs` later, with its result recorded and confirmed. */
async function ended(it: Core, status: "succeeded" | "failed" = "succeeded", afterMs = 0) {
  const request = await it.request({ id: idAt(start), payload_json: '"secret"' });
  const run = await it.run(await it.worker(), await it.execution(request.id, { id: idAt(start) }));
  await it.commands.appendLogs({ chunks: [{ ...run, sequence: 0, text: "secret\n" }] });
  it.time.now += afterMs;
  await it.commands.finish({ runs: [{ ...run, outcome: madeOutcome(status) }] });
  it.time.now -= afterMs;
  it.results.record(run);
  await it.outbox.sweep();
  await it.outbox.sweep();
  await it.look(signal);
  await it.outbox.flush();
  await it.look(signal);
  expect((await it.stored(run)).mark).toBeUndefined();
  return run;
}
const chunksOf = async (it: Core, { request_id, attempt }: { request_id: string; attempt: number }) =>
  (await it.store.logs.read({ request_id, attempt, limit: 10, bytesMax: 100 })).chunks.length;

describe("the content of ended executions", () => {
  test("is removed once it is old; what the next attempt depends on stays", async () => {
    const it = testCore();
    const [success, failure] = [await ended(it, "succeeded"), await ended(it, "failed")];
    it.time.now = start + day;
    await it.retention.executions(day, signal);
    expect(it.resultsRemoval.removed.size).toBe(0);
    it.time.now++;
    await it.retention.executions(day, signal);
    for (const run of [success, failure]) {
      expect(it.resultsRemoval.removed).toContain(executionKey(run.request_id, run.attempt));
      expect(await chunksOf(it, run)).toBe(0);
      const { request_id, execution_id } = run;
      const found = await it.commands.getExecution({ request_id, execution_id });
      const removed_at = it.time.now;
      expect(found).toMatchObject({ kind: "found", execution: { tries: 0, removed_at } });
      expect(JSON.stringify(found)).not.toContain("It went wrong.");
      expect(found).toMatchObject({ request: { payload_json: '"secret"' } });
    }
    const attempts = [success, failure].map(({ request_id }) => wanted(request_id, { max_failures: 1 }));
    const { answers } = await it.commands.createExecutions({ executions: attempts });
    expect(answers.map(({ kind }) => kind)).toEqual(["succeeded", "exhausted"]);
    expect(it.counters.read().executions_emptied).toBe(2);

    it.resultsRemoval.removed.clear();
    await it.retention.executions(day, signal);
    expect(it.resultsRemoval.removed.size).toBe(0);
  });

  test("counts from the end, not from the creation, and by the clock of the store", async () => {
    const it = testCore();
    const run = await ended(it, "succeeded", 10 * day);
    it.time.now = start + 11 * day;
    await it.retention.executions(day, signal);
    expect((await it.stored(run)).removed_at).toBeUndefined();
    it.time.now++;
    await it.retention.executions(day, signal);
    expect((await it.stored(run)).removed_at).toBe(it.time.now);
  });

  test("stays while the execution is active or its result is not confirmed, however old", async () => {
    const it = testCore();
    const ids = () => ({ id: idAt(start), request_id: idAt(start) });
    const executions = [
      madeExecution(ids()),
      madeExecution({ ...ids(), status: "running", mark: undefined }),
      madeExecution({ ...ids(), status: "succeeded", mark: "outcome" }),
      madeExecution({ ...ids(), status: "succeeded", mark: "confirm" }),
    ];
    await it.store.executions.insert(executions);
    it.time.now = start + 1_000 * day;
    await it.retention.executions(day, signal);
    for (const one of executions) expect((await it.stored(one)).removed_at).toBeUndefined();
    expect(it.resultsRemoval.removed.size).toBe(0);
  });

  test("stays as a whole while results-listener is away", async () => {
    const it = testCore();
    const run = await ended(it);
    it.time.now = start + 2 * day;
    it.resultsRemoval.isAway = true;
    expect(await rejection(it.retention.executions(day, signal))).toBeInstanceOf(Unavailable);
    expect((await it.stored(run)).removed_at).toBeUndefined();
    expect(await chunksOf(it, run)).toBe(1);
    it.resultsRemoval.isAway = false;
    await it.retention.executions(day, signal);
    expect((await it.stored(run)).removed_at).toBe(it.time.now);
  });
});

describe("old requests", () => {
  test("are removed as by a client, once everything of them is old", async () => {
    const it = testCore();
    const run = await ended(it, "failed", 5 * day);
    const unused = await it.request({ id: idAt(start) });
    it.time.now = start + 6 * day;
    await it.retention.requests(day, signal);
    await expectRemoved(it, unused.id);
    expect((await it.commands.getRequest(run)).kind).toBe("found");
    it.time.now++;
    await it.retention.requests(day, signal);
    await expectRemoved(it, run.request_id, [run]);
    expect(it.counters.read().requests_removed).toBe(2);
  });

  test("stay while an execution is active or a start mark waits, and those that are young stay", async () => {
    const it = testCore();
    const active = await it.request({ id: idAt(start) });
    await it.execution(active.id, { id: idAt(start) });
    const mark = { execution_id: newId(), max_failures: 3 };
    const creation_date = "2020-11-07 16:31:58.103057";
    const starting = { id: idAt(start), payload_json: "1", creation_date, start: mark };
    await it.store.requests.insert([starting]);
    const young = await it.request({ id: idAt(start + 9 * day) });
    it.time.now = start + 10 * day;
    await it.retention.requests(day, signal);
    for (const { id } of [active, starting, young]) {
      expect((await it.commands.getRequest({ request_id: id })).kind).toBe("found");
    }
  });

  test("are removed once by two processes at once, many pages of them", async () => {
    const it = testCore();
    const other = testCore({ store: it.store });
    other.time.now = it.time.now = start + 10 * day;
    const requests = Array.from({ length: 450 }, (_, index) => ({
      id: idAt(start + index),
      payload_json: "1",
    }));
    for (let from = 0; from < 450; from += 100)
      await it.commands.createRequests({ requests: requests.slice(from, from + 100) });
    await Promise.all([it.retention.requests(day, signal), other.retention.requests(day, signal)]);
    const left = await it.store.removals.oldRequests({ limit: 1_000, until: idFloor(it.time.now) });
    expect(left).toEqual([]);
    for (const { id } of requests) {
      expect((await it.store.executions.ofRequests([id])).get(id)).toHaveLength(1);
    }
    const count = (core: Core) => core.counters.read().requests_removed ?? 0;
    expect(count(it) + count(other)).toBe(450);
  });

  test("a removal ends soon when the service stops", async () => {
    const it = testCore();
    const { id } = await it.request({ id: idAt(start) });
    it.time.now = start + 10 * day;
    await it.retention.requests(day, AbortSignal.abort());
    expect((await it.commands.getRequest({ request_id: id })).kind).toBe("found");
  });
});
