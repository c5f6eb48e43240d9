import {
  cancelled,
  type ExecutionError,
  executionMark,
  formatTimestamp,
  type Outcome,
  outcomeMark,
} from "@sate/contracts";
import { failpoint, inParts } from "@sate/contracts/runtime";
import { type Execution, runRefOf } from "../executions/execution.ts";
import type { Outbox } from "../outbox/outbox.ts";
import type { Ports } from "../ports.ts";
import { requestsOf } from "../requests/requests-of.ts";

type End = { status: "cancelled" | "dead_lettered"; error: ExecutionError };

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

/** The outcome of an execution that no processor ended: there is no run to measure. */
export function outcomeWithoutRun(end: End, ids: { resultId: string; now: number }): Outcome {
  const time = formatTimestamp(ids.now);
  const times = { processing_start_time: time, processing_end_time: time, processing_total_seconds: 0 };
  return { ...end, result_id: ids.resultId, ...times };
}

/**
 * Requeues or ends running executions whose runs ended without an outcome, as `endOfInterrupted` says. Every write is
 * conditional on the epoch: an execution that has changed since it was read stays as it is. Returns how many were
 * requeued or ended.
 */
export type RequeueRuns = (executions: Execution[], isLost: boolean) => Promise<number>;

const payloadsAtOnce = 32;

export function createRequeueRuns(
  { store, counters, clock, newId }: Ports,
  outbox: Outbox,
  lostMax: number,
): RequeueRuns {
  /** The marks are stored, so a failure loses nothing: the outbox sweep publishes them later. */
  async function publishSoon(executions: Execution[]): Promise<void> {
    try {
      for (const chunk of inParts(executions, { itemsMax: payloadsAtOnce })) {
        const requestOf = await requestsOf(chunk, store);
        for (const execution of chunk) outbox.publishSoon(execution, requestOf(execution.request_id));
      }
    } catch {
      counters.add("outbox_left_to_sweep");
    }
  }

  return async (executions, isLost) => {
    if (executions.length === 0) return 0;
    const requeued: Execution[] = [];
    const ended: (Execution & { outcome: Outcome })[] = [];
    for (const execution of executions) {
      const end = endOfInterrupted(execution, isLost, lostMax);
      const lost = execution.lost + (isLost ? 1 : 0);
      if (end === null) {
        requeued.push({ ...execution, lost, status: "queued", mark: executionMark(execution.epoch) });
      } else {
        const outcome = outcomeWithoutRun(end, { resultId: newId(), now: clock() });
        ended.push({ ...execution, lost, status: end.status, outcome, mark: outcomeMark });
      }
    }
    const wereRequeued = await store.runs.requeue(requeued.map(runRefOf), isLost);
    failpoint("requests-service.requeued");
    const runs = ended.map((execution) => {
      const { outcome, lost } = execution;
      return { ...runRefOf(execution), outcome, lost };
    });
    const wereEnded = await store.runs.finish(runs);
    const changed = [
      ...requeued.filter((_, index) => wereRequeued[index]),
      ...ended.filter((_, index) => wereEnded[index] === "stored"),
    ];
    counters.add(isLost ? "runs_lost" : "runs_handed_back", changed.length);
    await publishSoon(changed);
    return changed.length;
  };
}
