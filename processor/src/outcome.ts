import { type ExecutionError, formatTimestamp, limits, type Outcome, readJson } from "@sate/contracts";
import type { HandlerEnd } from "./ports.ts";

/** How a run came to its end. */
export type RunEnd =
  | HandlerEnd
  | { kind: "threw"; error: unknown }
  | { kind: "timeout"; deadlineMs: number }
  | { kind: "cancelled" }
  | { kind: "unknown_processor" };

/** What was measured: the wall clock's start, and the duration by the monotonic clock. */
export type Measured = { resultId: string; startedAtMs: number; elapsedMs: number };

type Decision =
  | { status: "succeeded"; outputs_json: string }
  | { status: "failed" | "dead_lettered" | "cancelled"; error: ExecutionError };

const codeCharsMax = 100;

/**
 * The outcome of a run. Pure; always valid by the contract, whatever a handler gave.
 *
 * - succeeded: outputs that are JSON within the limits.
 * - failed: the handler's own word, its deadline, outputs beyond the limits, a processor that nobody knows.
 * - dead_lettered: an exception, or something that is no answer.
 * - cancelled: somebody asked for it.
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
      return decideFailure(end.error);
    case "threw":
      return unexpected(`The processor failed unexpectedly (${nameOf(end.error)}).`);
    case "timeout":
      return failed("timeout", `It did not end within ${end.deadlineMs / 1_000} seconds.`);
    case "cancelled":
      return { status: "cancelled", error: { code: "cancelled", message: "It was cancelled." } };
    case "unknown_processor":
      return failed("unknown_processor", "The request names a processor that does not exist.");
    default:
      // Handlers are written by others, and types do not hold at run time.
      return unexpected("The processor gave an answer that cannot be understood.");
  }
}

function decideOutputs(outputsJson: unknown): Decision {
  // A lone surrogate cannot be written as UTF-8, so such a text would change on its way.
  if (typeof outputsJson !== "string" || !outputsJson.isWellFormed()) {
    return unexpected("The outputs are not JSON.");
  }
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

function decideFailure(error: unknown): Decision {
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown };
  if (typeof code !== "string" || code === "" || typeof message !== "string") {
    return unexpected("The processor gave an answer that cannot be understood.");
  }
  return failed(code, message);
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

/** The class of an error helps whoever reads the result; its text may carry a secret, and stays inside. */
function nameOf(error: unknown): string {
  if (!(error instanceof Error)) return typeof error;
  return /^[A-Za-z0-9_$]{1,60}$/.test(error.name) ? error.name : "Error";
}

function cut(text: string, charsMax: number): string {
  return text.slice(0, charsMax).toWellFormed();
}
