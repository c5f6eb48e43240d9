import { type ExecutionError, formatTimestamp, type Outcome } from "@sate/contracts";
import type { Execution } from "./execution.ts";

export type Return =
  | { kind: "requeue" }
  | { kind: "cancel"; error: ExecutionError }
  | { kind: "lost"; error: ExecutionError };

const cancelled: ExecutionError = { code: "cancelled", message: "It was cancelled." };

/**
 * What becomes of a running execution that comes back without an outcome, because its worker handed it back
 * or was lost. Pure.
 */
export function decideReturn(execution: Execution, isLost: boolean, lostMax: number): Return {
  if (execution.cancelRequested) return { kind: "cancel", error: cancelled };
  if (!isLost || execution.lost + 1 < lostMax) return { kind: "requeue" };
  const message = `It was lost ${lostMax} times: each time the processor that ran it went away before the end.`;
  return { kind: "lost", error: { code: "lost", message } };
}

/** The outcome of an execution that no processor ended: there is no run to measure. */
export function outcomeWithoutRun(
  status: "cancelled" | "dead_lettered",
  error: ExecutionError,
  { resultId, now }: { resultId: string; now: number },
): Outcome {
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

export function cancelledOutcome(made: { resultId: string; now: number }): Outcome {
  return outcomeWithoutRun("cancelled", cancelled, made);
}
