import { type ExecutionError, formatTimestamp, limits, type Outcome, readJson } from "@sate/contracts";
import type { RunEnd } from "./run-end.ts";

/** What was measured: the wall clock's start, and the duration by the monotonic clock. */
export type Measured = { resultId: string; startedAtMs: number; elapsedMs: number };

type Decision =
  | { status: "succeeded"; outputs_json: string }
  | { status: "failed" | "dead_lettered" | "cancelled"; error: ExecutionError };

const codeCharsMax = 100;

/**
 * The outcome of a run. Pure.
 *
 * - succeeded: outputs that are JSON within the limits.
 * - failed: reported by the handler, its deadline, outputs beyond the limits, an unknown processor.
 * - dead_lettered: an exception, or something that is not a `HandlerEnd`.
 * - cancelled: requested by a client.
 *
 * The end is the start plus the duration, so it never lies before the start, however the wall clock jumps.
 */
export function decideOutcome(end: RunEnd, { resultId, startedAtMs, elapsedMs }: Measured): Outcome {
  return {
    ...decide(end),
    result_id: resultId,
    processing_start_time: formatTimestamp(startedAtMs),
    processing_end_time: formatTimestamp(startedAtMs + elapsedMs),
    processing_total_seconds: Math.round(elapsedMs * 1_000) / 1_000_000,
  };
}

function decide(end: RunEnd): Decision {
  switch (end.kind) {
    case "succeeded":
      return decideOutputs(end.outputsJson);
    case "failed":
      return failed(end.error.code, end.error.message);
    case "invalid":
      return unexpected("The processor did not return a valid result.");
    case "threw":
      return unexpected(`The processor threw an unexpected error (${end.name}).`);
    case "timeout":
      return failed("timeout", `The execution did not end within ${end.deadlineMs / 1_000} seconds.`);
    case "cancelled":
      return { status: "cancelled", error: { code: "cancelled", message: "The execution was cancelled." } };
    case "unknown_processor":
      return failed("unknown_processor", "The request names a processor that does not exist.");
  }
}

function decideOutputs(outputsJson: string): Decision {
  // A lone surrogate cannot be written as UTF-8, so such a text would change on its way.
  if (!outputsJson.isWellFormed()) return unexpected("The outputs are not JSON.");
  // A string has at least as many bytes as characters: a giant is refused before it is copied.
  const isLarge = outputsJson.length > limits.outputsBytesMax;
  const bytes = isLarge ? null : Buffer.from(outputsJson);
  if (bytes === null || bytes.length > limits.outputsBytesMax) {
    return failed("outputs_too_large", `The outputs have more than ${limits.outputsBytesMax} bytes.`);
  }
  switch (readJson(bytes, limits.nestingMax).kind) {
    case "read":
      return { status: "succeeded", outputs_json: outputsJson };
    case "too_deep":
      return failed("outputs_too_large", `The outputs are nested deeper than ${limits.nestingMax}.`);
    case "not_json":
    case "bad_encoding":
      return unexpected("The outputs are not JSON.");
  }
}

function failed(code: string, message: string): Decision {
  return {
    status: "failed",
    error: { code: cut(code, codeCharsMax), message: cut(message, limits.errorMessageCharsMax) },
  };
}

function unexpected(message: string): Decision {
  return { status: "dead_lettered", error: { code: "unexpected_error", message } };
}

function cut(text: string, charsMax: number): string {
  return text.slice(0, charsMax).toWellFormed();
}
