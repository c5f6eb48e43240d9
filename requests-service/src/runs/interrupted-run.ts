import { type ExecutionError, formatTimestamp, type Outcome } from "@sate/contracts";
import type { Execution } from "../executions/execution.ts";

type EndStatus = "cancelled" | "dead_lettered";
type Ids = { resultId: string; now: number };

export type InterruptedRun = { kind: "requeue" } | { kind: "end"; status: EndStatus; error: ExecutionError };

const cancelled: ExecutionError = { code: "cancelled", message: "The execution was cancelled." };

/**
 * Decides what becomes of a running execution whose run ended without an outcome, because its worker released it or
 * was lost. Pure.
 */
export function decideInterruptedRun(execution: Execution, isLost: boolean, lostMax: number): InterruptedRun {
  if (execution.cancel_requested) return { kind: "end", status: "cancelled", error: cancelled };
  if (!isLost || execution.lost + 1 < lostMax) return { kind: "requeue" };
  const message = `The execution was lost ${lostMax} times: each time the lease of its worker expired before it ended.`;
  return { kind: "end", status: "dead_lettered", error: { code: "lost", message } };
}

/** The outcome of an execution that no processor ended: there is no run to measure. */
export function outcomeWithoutRun(status: EndStatus, error: ExecutionError, { resultId, now }: Ids): Outcome {
  const time = formatTimestamp(now);
  return {
    status,
    error,
    result_id: resultId,
    processing_start_time: time,
    processing_end_time: time,
    processing_total_seconds: 0,
  };
}

export function cancelledOutcome(ids: Ids): Outcome {
  return outcomeWithoutRun("cancelled", cancelled, ids);
}
