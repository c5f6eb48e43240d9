import { executionMark, outcomeMark } from "@sate/contracts";
import { type Counters, failpoint } from "@sate/contracts/runtime";
import { type EndedRun, type Execution, runRefOf } from "../executions/execution.ts";
import type { Outbox } from "../outbox/outbox.ts";
import type { Clock, Store } from "../ports.ts";
import { decideInterruptedRun, outcomeWithoutRun } from "./interrupted-run.ts";

/**
 * Requeues or ends running executions whose runs ended without an outcome, as `decideInterruptedRun` says. Every write
 * is conditional on the epoch: an execution that has changed since it was read stays as it is. Returns how many were
 * requeued or ended.
 */
export type RequeueRuns = (executions: Execution[], isLost: boolean) => Promise<number>;

const payloadsAtOnce = 32;

export function createRequeueRuns(parts: {
  store: Pick<Store, "runs" | "requests">;
  outbox: Pick<Outbox, "publishSoon">;
  counters: Counters;
  clock: Clock;
  newId: () => string;
  lostMax: number;
}): RequeueRuns {
  const { store, outbox, counters, clock, newId, lostMax } = parts;

  /** The marks are stored, so a failure loses nothing: the outbox sweep publishes them later. */
  async function publishSoon(executions: Execution[]): Promise<void> {
    try {
      for (let at = 0; at < executions.length; at += payloadsAtOnce) {
        const chunk = executions.slice(at, at + payloadsAtOnce);
        const requests = await store.requests.get([...new Set(chunk.map(({ request_id }) => request_id))]);
        for (const execution of chunk) {
          const request = requests.get(execution.request_id);
          if (request) outbox.publishSoon(execution, request);
        }
      }
    } catch {
      counters.add("outbox_left_to_sweep");
    }
  }

  return async (executions, isLost) => {
    if (executions.length === 0) return 0;
    const requeued: Execution[] = [];
    const ended: { execution: Execution; run: EndedRun }[] = [];
    for (const execution of executions) {
      const decision = decideInterruptedRun(execution, isLost, lostMax);
      const lost = execution.lost + (isLost ? 1 : 0);
      if (decision.kind === "requeue") requeued.push({ ...execution, lost });
      else {
        const ids = { resultId: newId(), now: clock() };
        const outcome = outcomeWithoutRun(decision.status, decision.error, ids);
        ended.push({ execution: { ...execution, lost }, run: { ...runRefOf(execution), outcome, lost } });
      }
    }
    const wereRequeued = await store.runs.requeue(requeued.map(runRefOf), isLost);
    failpoint("requests-service.requeued");
    const wereEnded = await store.runs.finish(ended.map(({ run }) => run));
    const changed: Execution[] = [];
    requeued.forEach((execution, index) => {
      if (!wereRequeued[index]) return;
      changed.push({ ...execution, status: "queued", mark: executionMark(execution.epoch) });
    });
    ended.forEach(({ execution, run: { outcome } }, index) => {
      if (wereEnded[index] !== "stored") return;
      changed.push({ ...execution, status: outcome.status, outcome, mark: outcomeMark });
    });
    counters.add(isLost ? "runs_lost" : "runs_handed_back", changed.length);
    await publishSoon(changed);
    return changed.length;
  };
}
