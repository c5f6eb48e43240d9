import { describe, expect, test } from "bun:test";
import { executionKey, outcomeMark, topics, Unavailable } from "@sate/contracts";
import { rejection } from "@sate/contracts/test/support/settled.ts";
import { removalMarks } from "../../src/executions/execution.ts";
import { cachedRequests } from "../../src/requests/cache.ts";
import { madeOutcome, newId } from "../builders.ts";
import { beforeNext, type Core, testCore, wanted } from "../core.ts";
import { type EndedRun, endedRequest, expectRemoved } from "./removed.ts";

const { signal } = new AbortController();
const remove = (it: Core, request_id: string) => it.commands.removeRequest({ request_id });
const marksOf = async (it: Core) => (await it.store.removals.marked({ limit: 100 })).map(({ mark }) => mark);

/** Two processes on one database; the second has its own cache of requests, as each replica has. */
function twoProcesses(): [Core, Core] {
  const one = testCore();
  const cached = cachedRequests(one.store.requests, { charsMax: 1_000_000 });
  return [one, testCore({ store: { ...one.store, requests: cached } })];
}

describe("a removal", () => {
  test.each([[[]], [["succeeded"]], [["failed", "dead_lettered", "succeeded"]], [["cancelled"]]] as const)(
    "of a request whose executions ended as %p leaves nothing, in any process",
    async (ends) => {
      const [it, other] = twoProcesses();
      const { id, runs } = await endedRequest(it, [...ends]);
      await other.commands.getRequest({ request_id: id });
      expect(await remove(it, id)).toEqual({ kind: "removed" });
      await expectRemoved(other, id, runs);
      await expectRemoved(it, id, runs);
      const { removed } = it.resultsRemoval;
      for (const run of runs) expect(removed).toContain(executionKey(id, run.attempt));
      expect(removed).toContain(id);
      expect(it.counters.read().requests_removed).toBe(1);
    },
  );

  test("of an unknown request finds nothing to remove", async () => {
    expect(await remove(testCore(), newId())).toEqual({ kind: "unknown_request" });
  });

  test("is refused while an execution is queued or running, and touches nothing then", async () => {
    const it = testCore();
    const queued = await it.execution();
    const active = { kind: "active" as const, execution_id: queued.id };
    expect(await remove(it, queued.request_id)).toEqual(active);
    const run = await it.run(await it.worker(), queued);
    expect(await remove(it, run.request_id)).toEqual(active);
    await it.commands.finish({ runs: [{ ...run, outcome: madeOutcome() }] });
    expect(await it.stored(run)).toMatchObject({ status: "succeeded" });
    expect(await marksOf(it)).toEqual([]);
    expect(it.resultsRemoval.removed.size).toBe(0);
  });

  test("is refused until the execution of a start mark exists", async () => {
    const it = testCore();
    const start = { execution_id: newId(), max_failures: 3 };
    const request = { id: newId(), payload_json: "1", creation_date: "2020-11-07 16:31:58.103057", start };
    await it.store.requests.insert([request]);
    const { execution_id } = start;
    expect(await remove(it, request.id)).toEqual({ kind: "active", execution_id });
  });

  test("deletes logs and refused attempts, and accepts no others", async () => {
    const it = testCore();
    const { id, runs } = await endedRequest(it, ["failed"]);
    const [run] = runs as [EndedRun];
    const chunk = (sequence: number) => ({ ...run, sequence, text: "secret\n" });
    await it.commands.appendLogs({ chunks: [chunk(0)] });
    const refusal = { id: newId(), request_id: id, force_error: false, failures: 1, max_failures: 1 };
    it.publisher.mood = "hangs";
    await it.commands.recordRefusals({ refusals: [refusal] });
    await remove(it, id);
    await it.commands.appendLogs({ chunks: [chunk(1)] });
    await expectRemoved(it, id, runs);
  });
});

describe("a removal whose results are not all recorded", () => {
  test("has begun: nothing new starts, the payload stays to publish the outcome, and a sweep completes it", async () => {
    const it = testCore();
    const request = await it.request({ payload_json: '"secret"' });
    const run = await it.run(await it.worker(), await it.execution(request.id));
    await it.commands.finish({ runs: [{ ...run, outcome: madeOutcome() }] });
    expect(await remove(it, request.id)).toEqual({ kind: "removing" });
    const refused = await it.commands.createExecutions({ executions: [wanted(request.id)] });
    expect(refused.answers).toEqual([{ kind: "removed" }]);
    expect((await it.stored(run)).mark).toBe(outcomeMark);
    expect(it.resultsRemoval.removed.size).toBe(0);
    for (let sweeps = 0; sweeps < 3; sweeps++) await it.outbox.sweep();
    expect(it.publisher.records.filter(({ topic }) => topic === topics.successful)).toHaveLength(1);
    for (let sweeps = 0; sweeps < 3; sweeps++) await it.sweepRemovals(signal);
    expect(await marksOf(it)).toEqual([removalMarks.begun]);

    it.results.record(run);
    await it.sweepRemovals(signal);
    expect(await marksOf(it)).toEqual([removalMarks.done]);
    await expectRemoved(it, request.id, [run]);
  });

  test("is completed by another call, too", async () => {
    const it = testCore();
    const { id, runs } = await endedRequest(it);
    it.resultsRemoval.isAway = true;
    expect(await remove(it, id)).toEqual({ kind: "removing" });
    expect(await remove(it, id)).toEqual({ kind: "removing" });
    it.resultsRemoval.isAway = false;
    expect(await remove(it, id)).toEqual({ kind: "removed" });
    await expectRemoved(it, id, runs);
  });
});

describe("after a crash in any gap a sweep completes the removal", () => {
  const gaps: [string, (it: Core) => [object, string]][] = [
    ["results are removed", (it) => [it.ports.resultsRemoval, "removeResults"]],
    ["the request becomes a stub", (it) => [it.ports.store.requests, "remove"]],
    ["the executions become stubs", (it) => [it.ports.store.removals, "empty"]],
    ["logs are deleted", (it) => [it.ports.store.removals, "removeLogs"]],
    ["refused attempts are deleted", (it) => [it.ports.store.removals, "removeRefusals"]],
    ["the mark is changed", (it) => [it.ports.store.removals, "setMark"]],
  ];
  test.each(gaps)("before %s", async (_, gapOf) => {
    const it = testCore();
    const { id, runs } = await endedRequest(it, ["failed", "succeeded"]);
    const [port, name] = gapOf(it);
    beforeNext(port as never, name as never, () => Promise.reject(new Unavailable("It was killed.")));
    expect(await remove(it, id)).toEqual({ kind: "removing" });
    expect(await marksOf(it)).toEqual([removalMarks.begun]);
    // Another process, which has seen nothing of it.
    const other = testCore({ store: it.store });
    for (const run of runs) other.results.record(run);
    await other.sweepRemovals(signal);
    expect(await marksOf(it)).toEqual([removalMarks.begun]);
    await other.sweepRemovals(signal);
    expect(await marksOf(it)).toEqual([removalMarks.done]);
    await expectRemoved(other, id, runs);
    await other.sweepRemovals(signal);
    await other.sweepRemovals(signal);
    expect(await marksOf(it)).toEqual([]);
    await expectRemoved(other, id, runs);
  });

  test("before the removal is admitted nothing has happened", async () => {
    const it = testCore();
    const { id } = await endedRequest(it);
    beforeNext(it.store.executions, "insert", () => Promise.reject(new Unavailable("It was killed.")));
    expect(await rejection(remove(it, id))).toBeInstanceOf(Unavailable);
    expect((await it.commands.getRequest({ request_id: id })).kind).toBe("found");
  });
});
