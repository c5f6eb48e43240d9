import { expect, test } from "bun:test";
import { madeOutcome, newId } from "../builders.ts";
import { beforeNext, type Core, testCore, wanted } from "../core.ts";
import { type EndedRun, endedRequest, expectRemoved } from "./removed.ts";

const { signal } = new AbortController();
const remove = (it: Core, request_id: string) => it.commands.removeRequest({ request_id });
const kindOf = ({ kind }: { kind: string }) => kind;

test("an execution that is created between the look of a removal and its write wins, and the removal is refused", async () => {
  const it = testCore();
  const { id } = await endedRequest(it, ["failed"]);
  const execution = wanted(id);
  beforeNext(it.store.executions, "insert", () => it.commands.createExecutions({ executions: [execution] }));
  expect(await remove(it, id)).toEqual({ kind: "active", execution_id: execution.id });
  expect(kindOf(await it.commands.getRequest({ request_id: id }))).toBe("found");
});

test("a removal between the look of a creation and its write wins, and nothing is created", async () => {
  const it = testCore();
  const { id, runs } = await endedRequest(it, ["failed"]);
  // The first round writes without reading, and loses against attempt 1.
  let writes = 0;
  const insert = it.store.executions.insert;
  it.store.executions.insert = async (executions) => {
    if (++writes === 2) await remove(it, id);
    return insert(executions);
  };
  const { answers } = await it.commands.createExecutions({ executions: [wanted(id)] });
  it.store.executions.insert = insert;
  expect(answers).toEqual([{ kind: "removed" }]);
  await expectRemoved(it, id, runs);
});

test("a repetition of the call that created an execution finds it removed, by its id and by its key", async () => {
  const it = testCore();
  const { id } = await it.request();
  const key = { hash: "a".repeat(64), body_hash: "b".repeat(64) };
  const execution = wanted(id, { key });
  await it.commands.createExecutions({ executions: [execution] });
  const run = await it.run(await it.worker(), { ...execution, attempt: 1 });
  await it.commands.finish({ runs: [{ ...run, outcome: madeOutcome() }] });
  it.results.record(run);
  await remove(it, id);
  const again = [execution, wanted(id, { key }), wanted(id, { key: { ...key, body_hash: "c".repeat(64) } })];
  const { answers } = await it.commands.createExecutions({ executions: again });
  expect(answers.map(kindOf)).toEqual(["removed", "removed", "removed"]);
});

test("an idempotency replay of the creation of a request finds it removed", async () => {
  const it = testCore();
  const key = { hash: "a".repeat(64), body_hash: "b".repeat(64) };
  const request = { id: newId(), payload_json: '"secret"', key };
  await it.commands.createRequests({ requests: [request] });
  await remove(it, request.id);
  for (const id of [request.id, newId()]) {
    const { answers } = await it.commands.createRequests({ requests: [{ ...request, id }] });
    expect(answers).toEqual([{ kind: "removed" }]);
  }
});

test("a replay of a dead letter of the request starts nothing, dry or not", async () => {
  const it = testCore();
  const { id } = await endedRequest(it, ["dead_lettered"]);
  await remove(it, id);
  for (const dry_run of [true, false]) {
    const dead_letters = [{ id: newId(), request_id: id, execution_id: newId() }];
    const { answers } = await it.commands.replayDeadLetters({ dead_letters, dry_run });
    expect(answers).toEqual([{ kind: "refused", request_id: id, refusal: { kind: "removed" } }]);
  }
});

test("a late finish, retry, release, claim and cancellation have no effect", async () => {
  const it = testCore();
  const { id, runs, worker_id } = await endedRequest(it);
  const [run] = runs as [EndedRun];
  await remove(it, id);
  const before = await it.stored(run);
  const { commands } = it;
  const finished = await commands.finish({ runs: [{ ...run, outcome: madeOutcome() }], publish: true });
  expect(finished.answers).toEqual([{ kind: "refused" }]);
  const error = { code: "a", message: "b" };
  const retried = await commands.retryLater({ runs: [{ ...run, delay_ms: 0, error }] });
  expect(retried.answers).toEqual([{ kind: "refused" }]);
  expect(await commands.handBack({ runs: [run] })).toEqual({ handed_back: 0 });
  const claimed = await commands.claim({ worker_id, claim_id: newId(), executions: [run] });
  expect(claimed).toEqual({ runs: [], refused: 1, unknown: 0, left: 0 });
  expect(await commands.cancelExecution(run)).toEqual({ kind: "removed" });
  await commands.markPublished({ published: [{ ...run, mark: "outcome" }] });
  expect(await it.stored(run)).toEqual(before);
});

test("an execution that is claimed while a removal reads it is active: the removal is refused, and the run goes on", async () => {
  const it = testCore();
  const { id } = await endedRequest(it, ["failed"]);
  const queued = await it.execution(id);
  const worker_id = await it.worker();
  beforeNext(it.store.executions, "ofRequests", () => it.run(worker_id, queued));
  expect(kindOf(await remove(it, id))).toBe("active");
  expect(await it.stored(queued)).toMatchObject({ status: "running" });
});

test("a refused attempt that is stored while the request is removed is deleted", async () => {
  const it = testCore();
  const { id, runs } = await endedRequest(it, ["failed"]);
  const refusal = { id: newId(), request_id: id, force_error: false, failures: 1, max_failures: 1 };
  const late = [
    // After the write, before the look.
    () => beforeNext(it.store.requests, "removedOf", () => remove(it, id)),
    // Before the write.
    () => beforeNext(it.store.refusals, "insert", () => remove(it, id)),
  ];
  for (const arrange of late) {
    arrange();
    const { answers } = await it.commands.recordRefusals({ refusals: [{ ...refusal, id: newId() }] });
    expect(answers).toEqual([{ kind: "removed" }]);
  }
  await expectRemoved(it, id, runs);
});

test("an outcome that another process marks again while a removal confirms it is published before anything is removed", async () => {
  const it = testCore();
  const { id, runs } = await endedRequest(it);
  const publish = async () => {
    for (let sweeps = 0; sweeps < 2; sweeps++) await it.outbox.sweep();
    await it.outbox.flush();
  };
  await publish();
  // It looked for the result just before that was recorded.
  beforeNext(it.store.confirmations, "confirm", () => it.store.confirmations.publishAgain(runs));
  expect(await remove(it, id)).toEqual({ kind: "removing" });
  await publish();
  expect(String(it.publisher.records.at(-1)?.value)).toContain('"payload":"secret"');
  for (let sweeps = 0; sweeps < 2; sweeps++) await it.sweepRemovals(signal);
  await expectRemoved(it, id, runs);
});

test("an outcome that a sweep has read before the removal is not published without its payload", async () => {
  const it = testCore();
  const { id } = await endedRequest(it);
  await it.outbox.flush();
  await it.outbox.sweep();
  beforeNext(it.store.requests, "get", () => remove(it, id));
  const before = it.publisher.records.length;
  await it.outbox.sweep();
  expect(kindOf(await it.commands.getRequest({ request_id: id }))).toBe("removed");
  expect(it.publisher.records).toHaveLength(before);
});

test("an outcome is not published without its payload if its request is removed as soon as it is stored", async () => {
  const it = testCore();
  const execution = await it.execution();
  await it.outbox.flush();
  it.results.record(execution);
  beforeNext(it.store.requests, "get", () => remove(it, execution.request_id));
  const before = it.publisher.records.length;
  await it.commands.cancelMatching({ filter: {}, limit: 10, dry_run: false });
  await it.outbox.flush();
  expect(kindOf(await it.commands.getRequest({ request_id: execution.request_id }))).toBe("removed");
  expect(it.publisher.records).toHaveLength(before);
});

test("a log that is stored after the removal by a call that was in flight is deleted by a sweep", async () => {
  const it = testCore();
  const { id, runs } = await endedRequest(it, ["failed"]);
  const [run] = runs as [EndedRun];
  beforeNext(it.store.logs, "append", () => remove(it, id));
  await it.commands.appendLogs({ chunks: [{ ...run, sequence: 0, text: "secret\n" }] });
  for (let sweeps = 0; sweeps < 2; sweeps++) await it.sweepRemovals(signal);
  await expectRemoved(it, id, runs);
  expect(await it.store.removals.marked({ limit: 10 })).toEqual([]);
});

test("a dead letter that is stored after the removal by a call that was in flight is deleted by a sweep", async () => {
  const it = testCore();
  const { id } = await endedRequest(it, ["dead_lettered"]);
  await remove(it, id);
  it.resultsRemoval.removed.clear();
  it.resultsRemoval.isAway = true;
  for (let sweeps = 0; sweeps < 2; sweeps++) await it.sweepRemovals(signal).catch(() => {});
  expect(await it.store.removals.marked({ limit: 10 })).toHaveLength(1);
  it.resultsRemoval.isAway = false;
  for (let sweeps = 0; sweeps < 2; sweeps++) await it.sweepRemovals(signal);
  expect(it.resultsRemoval.removed).toEqual(new Set([id]));
  expect(await it.store.removals.marked({ limit: 10 })).toEqual([]);
});

test("of 50 removals at once, of two processes, each sees it removed, and it was admitted once", async () => {
  const it = testCore();
  const other = testCore({ store: it.store });
  const { id, runs } = await endedRequest(it, ["failed", "succeeded"]);
  for (const run of runs) other.results.record(run);
  const answers = await Promise.all(
    Array.from({ length: 50 }, (_, index) => remove(index % 2 ? it : other, id)),
  );
  expect(new Set(answers.map(kindOf))).toEqual(new Set(["removed"]));
  const executions = (await it.store.executions.ofRequests([id])).get(id);
  expect(executions).toHaveLength(3);
  await expectRemoved(it, id, runs);
});

test("of 50 creations and removals at once, either one execution is active or the request is removed", async () => {
  for (let round = 0; round < 20; round++) {
    const it = testCore();
    const { id, runs } = await endedRequest(it, ["failed"]);
    const answers = await Promise.all(
      Array.from({ length: 50 }, async (_, index): Promise<string> => {
        if ((index + round) % 3 === 0) return `removal ${kindOf(await remove(it, id))}`;
        const { answers } = await it.commands.createExecutions({ executions: [wanted(id)] });
        return `creation ${kindOf(answers[0] as { kind: string })}`;
      }),
    );
    const isCreated = answers.includes("creation created");
    const expected = isCreated
      ? ["creation active", "creation created", "removal active"]
      : ["creation removed", "removal removed"];
    expect([...new Set(answers)].toSorted()).toEqual(expected);
    if (!isCreated) await expectRemoved(it, id, runs);
  }
});
