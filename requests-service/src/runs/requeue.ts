import { cancelled, executionMark } from "@sate/contracts";
import { failpoint } from "@sate/contracts/runtime";
import { type Execution, runRefOf } from "../executions/execution.ts";
import type { Outbox } from "../outbox/outbox.ts";
import type { Ports } from "../ports.ts";
import { createEndExecutions, type Ending } from "./end-executions.ts";
import type { End } from "./outcome-without-run.ts";

/**
 * Decides what becomes of a running execution whose run ended without an outcome, because its worker released it or was
 * lost. Returns how it ends, or `null` if it is requeued. Pure.
 */
export function endOfInterrupted(execution: Execution, isLost: boolean, lostMax: number): End | null {
  if (execution.cancel_requested) return cancelled;
  if (!isLost || execution.lost + 1 < lostMax) return null;
  const message = `The execution was lost ${lostMax} times: each time the lease of its worker expired before it ended.`;
  return { status: "dead_lettered", error: { code: "lost", message } };
}

/**
 * Requeues or ends running executions whose runs ended without an outcome, as `endOfInterrupted` says. Every write is
 * conditional on the epoch: an execution that has changed since it was read stays as it is. Returns how many were
 * requeued or ended.
 */
export type RequeueRuns = (executions: Execution[], isLost: boolean) => Promise<number>;

export function createRequeueRuns(ports: Ports, outbox: Outbox, lostMax: number): RequeueRuns {
  const { store, counters } = ports;
  const endExecutions = createEndExecutions(ports, outbox);
  return async (executions, isLost) => {
    if (executions.length === 0) return 0;
    const requeued: Execution[] = [];
    const endings: Ending[] = [];
    for (const execution of executions) {
      const end = endOfInterrupted(execution, isLost, lostMax);
      const lost = execution.lost + (isLost ? 1 : 0);
      if (end === null) {
        requeued.push({ ...execution, lost, status: "queued", mark: executionMark(execution.epoch) });
      } else {
        endings.push({ execution, end, lost });
      }
    }
    const wereRequeued = await store.runs.requeue(
      requeued.map((execution) => ({ ...runRefOf(execution), deadline_at: execution.deadline_at })),
      isLost,
    );
    failpoint("requests-service.requeued");
    const wereEnded = await endExecutions(endings, store.runs.finish);
    const changed = [...wereRequeued, ...wereEnded].filter(Boolean).length;
    counters.add(isLost ? "runs_lost" : "runs_handed_back", changed);
    await outbox.publishAllSoon(requeued.filter((_, index) => wereRequeued[index]));
    return changed;
  };
}
