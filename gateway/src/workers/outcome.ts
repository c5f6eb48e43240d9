import {
  cancelled,
  type ExecutionError,
  type FinishRun,
  formatTimestamp,
  limits,
  type Outcome,
  sateErrorCodes,
} from "@sate/contracts";
import { printable } from "../http/printable.ts";
import { Refusal } from "../http/problem-response.ts";
import { resultIdOf } from "./ids.ts";

/** Failures that the next try would only repeat. */
const neverRetried = new Set(["outputs_too_large", "outputs_not_json", "invalid_input"]);

/** How a run ended, from what its worker says. `isCancelled`: a client wants it to be cancelled. */
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
  const end = { status: "failed" as const, error: errorOf(error) };
  return { end, isRetryable: retryable && !neverRetried.has(code) };
}

/** A code by which Sate itself ends executions gets a prefix, so that a reader can rely on the code. */
function errorOf({ code, message }: NonNullable<FinishRun["error"]>): ExecutionError {
  const own = sateErrorCodes.includes(code) ? `processor_${code}` : code;
  return { code: own, message: cut(printable(message.slice(0, limits.errorMessageBytesMax))) };
}

/** The longest beginning of a text that fits into an error message as UTF-8. */
function cut(text: string): string {
  const bytes = Buffer.from(text);
  let end = Math.min(bytes.length, limits.errorMessageBytesMax);
  // Not within a character.
  while (end < bytes.length && (bytes.readUInt8(end) & 0xc0) === 0x80) end--;
  return bytes.toString("utf8", 0, end);
}

/** The outcome of a run that has ended `now`, an instant of the wall clock, after `seconds`. */
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
