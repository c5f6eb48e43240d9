import { type ExecutionError, formatTimestamp, type Outcome } from "@sate/contracts";
import type { Execution } from "../executions/execution.ts";

/** How an execution ends that no processor ended. */
export type End = { status: "failed" | "cancelled" | "dead_lettered"; error: ExecutionError };

export const timeout: End = {
  status: "failed",
  error: { code: "timeout", message: "The execution did not end before its deadline." },
};
export const expired: End = {
  status: "failed",
  error: { code: "expired", message: "The execution did not start before it expired." },
};

/**
 * The outcome of an execution that no processor ended: there is no run to measure. It has the number of tries that have
 * ended, and the try of a running execution ends with it.
 */
export function outcomeWithoutRun(
  { status, tries }: Pick<Execution, "status" | "tries">,
  end: End,
  ids: { resultId: string; now: number },
): Outcome {
  const time = formatTimestamp(ids.now);
  const times = { processing_start_time: time, processing_end_time: time, processing_total_seconds: 0 };
  const ended = status === "running" ? tries + 1 : tries;
  return { ...end, result_id: ids.resultId, ...times, ...(ended > 0 && { tries: ended }) };
}
