import { expect, test } from "bun:test";
import { topics } from "@sate/contracts";
import { madeOutcome, newId } from "../builders.ts";
import { beforeNext, type Core, testCore } from "../core.ts";

const error = { code: "busy", message: "Not now." };
type Run = Awaited<ReturnType<Core["run"]>>;

async function retry(it: Core, run: Run, delay_ms = 1_000) {
  const { answers } = await it.commands.retryLater({ runs: [{ ...run, delay_ms, error }] });
  return answers[0]?.kind;
}
async function running() {
  const it = testCore();
  const worker_id = await it.worker();
  return { it, worker_id, run: await it.run(worker_id) };
}

test("a retry frees the slot at once, shows the error, and runs after the pause under a new epoch", async () => {
  const { it, worker_id, run } = await running();
  expect(await retry(it, run)).toBe("retrying");
  expect(await it.commands.heartbeat({ worker_id })).toEqual({ kind: "alive", runs: [] });
  const { request_id, execution_id } = run;
  const start_after = it.time.now + 1_000;
  expect(await it.commands.getExecution({ request_id, execution_id })).toMatchObject({
    execution: { status: "queued", tries: 1, lost: 0, start_after, error },
  });
  // The worker dies: nothing is lost with it.
  await it.commands.endWorker({ worker_id });
  it.time.now = start_after;
  await it.sweepWaiting();
  const claim = { worker_id: newId(), claim_id: newId(), limit: 1 };
  const { runs } = await it.commands.claimAny(claim);
  expect(runs).toMatchObject([{ execution_id, epoch: 2, try: 2, left_ms: 299_000 }]);
  const outcome = { ...madeOutcome(), tries: 2 };
  await it.commands.finish({ runs: [{ ...runs[0], outcome } as never] });
  const ended = await it.commands.getExecution({ request_id, execution_id });
  expect(ended).toMatchObject({ execution: { status: "succeeded", tries: 2 } });
  expect(ended).not.toHaveProperty("execution.error");
});

test("a repetition after a lost response returns the same and counts no try", async () => {
  const { it, run } = await running();
  const { retryLater } = it.store.runs;
  it.store.runs.retryLater = async (runs) => {
    it.store.runs.retryLater = retryLater;
    await retryLater(runs);
    throw new Error("the connection broke");
  };
  await expect(retry(it, run)).rejects.toThrow();
  for (let time = 0; time < 2; time++) expect(await retry(it, run)).toBe("retrying");
  expect((await it.stored(run)).tries).toBe(1);
});

test("a stale run, one that has ended and an unknown one are refused, each of a batch alone", async () => {
  const { it, run } = await running();
  const done = await it.run(await it.worker());
  await it.commands.finish({ runs: [{ ...done, outcome: madeOutcome() }] });
  const runs = [
    { ...run, epoch: 2 },
    done,
    { ...run, execution_id: newId() },
    run,
    { ...run, request_id: newId() },
  ].map((one) => ({ ...one, delay_ms: 5, error }));
  const { answers } = await it.commands.retryLater({ runs });
  const kinds = answers.map(({ kind }) => kind);
  expect(kinds).toEqual(["refused", "refused", "unknown", "retrying", "unknown"]);
  expect(it.counters.read()).toMatchObject({ retries_refused: 2, runs_retried: 1 });
});

test("a run that is to be cancelled is cancelled instead, with its tries, and that is published", async () => {
  const { it, run } = await running();
  await retry(it, run, 1);
  it.time.now += 1;
  await it.sweepWaiting();
  await it.outbox.flush();
  const { request_id, attempt, execution_id } = run;
  const second = await it.run(await it.worker(), { request_id, attempt, id: execution_id });
  await it.commands.cancelExecution(run);
  for (let time = 0; time < 2; time++) expect(await retry(it, second)).toBe("ended");
  expect(await it.stored(run)).toMatchObject({ status: "cancelled", outcome: { tries: 2 } });
  await it.outbox.flush();
  const last = it.publisher.records.at(-1);
  expect([last?.topic, JSON.parse(String(last?.value)).tries]).toEqual([topics.failed, 2]);
});

test("a cancellation that comes between read and write is not lost", async () => {
  const { it, run } = await running();
  beforeNext(it.store.runs, "retryLater", () => it.commands.cancelExecution(run));
  expect(await retry(it, run)).toBe("ended");
  expect((await it.stored(run)).status).toBe("cancelled");
});

test("a retry that comes between read and write of a cancellation is cancelled with its tries", async () => {
  const { it, run } = await running();
  beforeNext(it.store.executions, "cancel", () => retry(it, run));
  expect(await it.commands.cancelExecution(run)).toMatchObject({ kind: "cancelled" });
  expect(await it.stored(run)).toMatchObject({ status: "cancelled", outcome: { tries: 1 } });
  it.time.now += 10_000;
  await it.sweepWaiting();
  expect((await it.stored(run)).status).toBe("cancelled");
});

test("a waiting retry is cancelled at once, and its request can be executed again", async () => {
  const { it, run } = await running();
  await retry(it, run);
  expect(await it.commands.cancelExecution(run)).toMatchObject({ kind: "cancelled" });
  expect(await it.stored(run)).toMatchObject({ status: "cancelled", outcome: { tries: 1 } });
  expect((await it.execution(run.request_id)).attempt).toBe(2);
});

test("a lost run that had tries before keeps them, and its deadline", async () => {
  const { it, run } = await running();
  await retry(it, run, 1_000);
  it.time.now += 1_000;
  await it.sweepWaiting();
  const { request_id, attempt, execution_id } = run;
  const worker_id = await it.worker();
  await it.run(worker_id, { request_id, attempt, id: execution_id });
  await it.commands.endWorker({ worker_id });
  const next = await it.run(await it.worker(), { request_id, attempt, id: execution_id });
  expect(next).toMatchObject({ epoch: 3, try: 2, left_ms: 299_000 });
});

test("a failure whose next try would begin after the deadline is the outcome, instead of a timeout", async () => {
  const { it, run } = await running();
  expect(await retry(it, run, run.left_ms - 1)).toBe("retrying");
  const other = await it.run(await it.worker());
  for (let time = 0; time < 2; time++) expect(await retry(it, other, other.left_ms)).toBe("ended");
  expect(await it.stored(other)).toMatchObject({ status: "failed", outcome: { error, tries: 1 } });
});
