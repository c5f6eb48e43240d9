import { describe, expect, test } from "bun:test";
import type { Progress, Run } from "@sate/contracts";
import { madeOutcome, newId } from "../builders.ts";
import { beforeNext, type Core, testCore } from "../core.ts";

const refOf = ({ request_id, attempt, execution_id, epoch }: Run) => ({
  request_id,
  attempt,
  execution_id,
  epoch,
});
async function held({ commands }: Core, worker_id: string, parts: object = {}) {
  const answer = await commands.heartbeat({ worker_id, ...parts });
  if (answer.kind !== "alive") throw new Error("its lease has expired");
  return answer.runs.map(({ execution_id }) => execution_id);
}
/** Queued executions, claimed with one claim. */
async function claimed(it: Core, worker_id: string, count: number, claim_id = newId()) {
  for (let index = 0; index < count; index++) await it.execution();
  const { runs } = await it.commands.claimAny({ worker_id, claim_id, limit: count });
  expect(runs).toHaveLength(count);
  return { claim_id, runs, refs: runs.map(refOf), ids: runs.map(({ execution_id }) => execution_id) };
}

describe("progress", () => {
  test("comes with a heartbeat, belongs to the run, and is seen with the execution", async () => {
    const it = testCore();
    const worker_id = await it.worker();
    const [run, other] = [await it.run(worker_id), await it.run(worker_id)];
    const progress: Progress = { fraction: 0.25, message: "a quarter" };
    const open = { ...progress, later: 1 } as Progress;
    await it.commands.heartbeat({
      worker_id,
      progress: [
        { ...refOf(run), progress: open },
        { ...refOf(other), epoch: 2, progress },
      ],
    });
    const read = async ({ request_id, execution_id }: Run) => {
      const found = await it.commands.getExecution({ request_id, execution_id });
      return found.kind === "found" ? found.execution.progress : undefined;
    };
    expect([await read(run), await read(other)]).toEqual([progress, undefined]);
    await it.commands.handBack({ runs: [run] });
    expect(await read(run)).toBeUndefined();
  });

  test("of a worker whose lease has expired is not stored", async () => {
    const it = testCore();
    const worker_id = await it.worker();
    const run = await it.run(worker_id);
    await it.store.workers.expire(worker_id);
    const progress = [{ ...refOf(run), progress: { fraction: 1 } }];
    expect(await it.commands.heartbeat({ worker_id, progress })).toEqual({ kind: "given_up" });
    expect((await it.stored(run)).progress).toBeUndefined();
  });
});

describe("a worker that lists its runs", () => {
  test("releases the runs of an earlier claim whose response was lost, without counting them as lost", async () => {
    const it = testCore();
    const worker_id = await it.worker();
    const lost = await claimed(it, worker_id, 2);
    const next = await claimed(it, worker_id, 1);
    const beat = { held: next.refs, claim_id: next.claim_id };
    expect(await held(it, worker_id, beat)).toEqual(next.ids);
    for (const run of lost.runs) {
      expect(await it.stored(run)).toMatchObject({ status: "queued", epoch: 1, lost: 0 });
    }
    expect(await held(it, worker_id, beat)).toEqual(next.ids);
    const again = await it.commands.claimAny({ worker_id: await it.worker(), claim_id: newId(), limit: 10 });
    expect(again.runs.map(({ execution_id }) => execution_id).toSorted()).toEqual(lost.ids.toSorted());
  });

  test("keeps the runs of a claim whose response is still on its way, and of one that is being written", async () => {
    const it = testCore();
    const worker_id = await it.worker();
    const first = await claimed(it, worker_id, 1);
    const claim_id = newId();
    // The claim takes effect while the heartbeat is under way.
    const { id: execution_id, request_id, attempt } = await it.execution();
    const executions = [{ request_id, attempt, execution_id }];
    let runs: Run[] = [];
    beforeNext(it.store.runs, "running", async () => {
      runs = (await it.commands.claim({ worker_id, claim_id, executions })).runs;
    });
    const beat = { held: first.refs, claim_id };
    expect(await held(it, worker_id, beat)).toHaveLength(2);
    // The response was lost: the claim is repeated, and brings the same run.
    expect(await held(it, worker_id, beat)).toHaveLength(2);
    const again = await it.commands.claimAny({ worker_id, claim_id, limit: 1 });
    expect(again.runs.map(refOf)).toEqual(runs.map(refOf));
    expect(await held(it, worker_id, { held: [...first.refs, ...again.runs.map(refOf)] })).toHaveLength(2);
  });

  test("does not keep a run whose epoch it does not list, and learns of the cancellation of the others", async () => {
    const it = testCore();
    const worker_id = await it.worker();
    const run = await it.run(worker_id);
    await it.commands.handBack({ runs: [run] });
    const next = await it.run(worker_id, { ...run, id: run.execution_id });
    expect(next.epoch).toBe(2);
    const other = await it.run(worker_id);
    await it.commands.cancelExecution(other);
    const answer = await it.commands.heartbeat({ worker_id, held: [refOf(run), refOf(other)] });
    expect(answer).toEqual({ kind: "alive", runs: [{ ...refOf(other), cancel: true }] });
    expect(await it.stored(run)).toMatchObject({ status: "queued", epoch: 2 });
  });

  test("ends an unlisted run whose cancellation was requested", async () => {
    const it = testCore();
    const worker_id = await it.worker();
    const run = await it.run(worker_id);
    await it.commands.cancelExecution(run);
    expect(await held(it, worker_id, { held: [], claim_id: newId() })).toEqual([]);
    expect((await it.stored(run)).status).toBe("cancelled");
  });

  test("loses nothing that it finishes at the same moment, and nothing that another worker runs", async () => {
    const it = testCore();
    const worker_id = await it.worker();
    const [run, others] = [await it.run(worker_id), await it.run(await it.worker())];
    const outcome = madeOutcome();
    beforeNext(it.store.runs, "requeue", () => it.commands.finish({ runs: [{ ...run, outcome }] }));
    expect(await held(it, worker_id, { held: [], claim_id: newId() })).toEqual([]);
    expect((await it.stored(run)).status).toBe("succeeded");
    expect((await it.stored(others)).status).toBe("running");
  });
});
