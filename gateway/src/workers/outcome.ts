import {
  cancelled,
  type FinishRun,
  formatTimestamp,
  limits,
  neverRetried,
  type Outcome,
  processorError,
} from "@sate/contracts";
import { Refusal } from "../http/problem-response.ts";
import { resultIdOf } from "./ids.ts";

/** How a run ended, as its worker reports it. `isCancelled`: a client has requested its cancellation. */
export function endOf({ outputs, error }: FinishRun, isCancelled: boolean) {
  if ((outputs === undefined) === (error === undefined)) {
    const detail = "The body must have exactly one of `outputs` and `error`: a run succeeds or fails.";
    throw new Refusal("invalid-body", detail, { field: "outputs" });
  }
  if (error === undefined) {
    const outputs_json = outputs as string;
    if (Buffer.byteLength(outputs_json) > limits.outputsBytesMax) throw outputsTooLarge();
    return { end: { status: "succeeded" as const, outputs_json }, isRetryable: false };
  }
  if (isCancelled) return { end: cancelled, isRetryable: false };
  const { code, retryable = true } = error;
  const end = { status: "failed" as const, error: processorError("failed", error) };
  return { end, isRetryable: retryable && !neverRetried.has(code) };
}

/** The outcome of a run that ended at `now`, an instant of the wall clock, after `seconds`. */
export function outcomeOf(
  end: ReturnType<typeof endOf>["end"],
  run: Pick<FinishRun, "execution_id" | "epoch" | "seconds">,
  known: { now: number; tries: number; version: string | undefined },
): Outcome {
  const seconds = Math.round((run.seconds ?? 0) * 1e6) / 1e6;
  return {
    ...end,
    result_id: resultIdOf(run),
    processing_start_time: formatTimestamp(known.now - seconds * 1_000),
    processing_end_time: formatTimestamp(known.now),
    processing_total_seconds: seconds,
    tries: known.tries,
    ...(known.version !== undefined && { processor_version: known.version }),
  };
}

function outputsTooLarge(): Refusal {
  return new Refusal(
    "body-too-large",
    `The outputs have more than ${limits.outputsBytesMax} bytes. Store them elsewhere and send a reference, or finish the run with an error.`,
  );
}
