import {
  type ExecutionError,
  formatTimestamp,
  limits,
  neverRetried,
  type Outcome,
  processorError,
  readJson,
} from "@sate/contracts";
import { errorFields, type LogFields } from "@sate/contracts/runtime";
import { classOf } from "./class-of.ts";

/** How a run ended: its outcome without the measured values. */
export type RunEnd =
  | { status: "succeeded"; outputs_json: string }
  | { status: "failed" | "dead_lettered" | "cancelled"; error: ExecutionError };

/** The end of a handler, whether another try may succeed, and the shortest pause before it. */
export type HandlerVerdict = { end: RunEnd; isRetryable: boolean; retryAfterMs: number };

/** `leftMs`: the time that the execution had left when this run was claimed. */
export function timedOut(leftMs: number): RunEnd {
  const message = `The execution did not end before its deadline. This run had ${leftMs / 1_000} seconds.`;
  return { status: "failed", error: { code: "timeout", message } };
}

/**
 * The end of a run whose handler resolved to this: its outputs, if they are JSON within the limits, or the failure that
 * it reports. Anything but a `HandlerEnd` is an unexpected error. Handlers are third-party code, which may not match
 * its types, and a getter may throw or return another value the next time, so each member is read once. Throws what a
 * getter throws.
 */
export function readHandlerEnd(given: unknown): HandlerVerdict {
  const { kind, outputsJson, error, isRetryable, retryAfterMs } = (given ?? {}) as Record<string, unknown>;
  if (kind === "succeeded" && typeof outputsJson === "string") return readOutputs(outputsJson);
  const { code, message } = (error ?? {}) as Record<string, unknown>;
  if (
    (kind !== "failed" && kind !== "broken") ||
    typeof code !== "string" ||
    code === "" ||
    typeof message !== "string"
  ) {
    return unexpected("The processor did not return a valid result.");
  }
  return {
    end: {
      status: kind === "failed" ? "failed" : "dead_lettered",
      error: processorError(kind, { code, message }),
    },
    isRetryable: isRetryable !== false && !neverRetried.has(code),
    retryAfterMs: typeof retryAfterMs === "number" && retryAfterMs > 0 ? retryAfterMs : 0,
  };
}

/**
 * The end of a run whose handler threw this, and fields for the log: codes and causes. A result only has the
 * class of the error, because its text may contain a secret. Never throws, whatever was thrown.
 */
export function readThrown(thrown: unknown): { verdict: HandlerVerdict; fields: LogFields } {
  const name = classOf(thrown);
  let fields: LogFields = {};
  try {
    fields = errorFields(thrown);
  } catch {} // a getter or a proxy throws
  const verdict = unexpected(`The processor threw an unexpected error (${name}).`);
  return { verdict, fields: { ...fields, error: name } };
}

function readOutputs(outputsJson: string): HandlerVerdict {
  // A lone surrogate cannot be encoded as UTF-8, so such a text would be changed.
  if (!outputsJson.isWellFormed()) return refused("outputs_not_json", "The outputs are not JSON.");
  // A string has at least as many bytes as characters, so a huge one is refused before it is copied.
  const bytes = outputsJson.length > limits.outputsBytesMax ? null : Buffer.from(outputsJson);
  if (bytes === null || bytes.length > limits.outputsBytesMax) {
    return refused("outputs_too_large", `The outputs have more than ${limits.outputsBytesMax} bytes.`);
  }
  switch (readJson(bytes, limits.nestingMax).kind) {
    case "read":
      return {
        end: { status: "succeeded", outputs_json: outputsJson },
        isRetryable: false,
        retryAfterMs: 0,
      };
    case "too_deep":
      return refused("outputs_too_large", `The outputs are nested deeper than ${limits.nestingMax}.`);
    case "not_json":
    case "bad_encoding":
      return refused("outputs_not_json", "The outputs are not JSON.");
  }
}

/** Sate's own refusal of what a handler returned. */
function refused(code: string, message: string): HandlerVerdict {
  return { end: { status: "failed", error: { code, message } }, isRetryable: false, retryAfterMs: 0 };
}

function unexpected(message: string): HandlerVerdict {
  const error = { code: "unexpected_error", message };
  return { end: { status: "dead_lettered", error }, isRetryable: true, retryAfterMs: 0 };
}

/**
 * The outcome of a run that started at `startedAtMs` of the wall clock and took `elapsedMs` of the monotonic one. Its
 * end is the start plus the duration, so it never lies before the start, however the wall clock jumps. `tries` is 0 if
 * the execution never ran.
 */
export function outcomeOf(
  end: RunEnd,
  measured: {
    resultId: string;
    startedAtMs: number;
    elapsedMs: number;
    tries: number;
    version: string | undefined;
  },
): Outcome {
  const { resultId, startedAtMs, elapsedMs, tries, version } = measured;
  return {
    ...end,
    result_id: resultId,
    processing_start_time: formatTimestamp(startedAtMs),
    processing_end_time: formatTimestamp(startedAtMs + elapsedMs),
    processing_total_seconds: Math.round(elapsedMs * 1_000) / 1_000_000,
    ...(tries > 0 && { tries }),
    ...(version !== undefined && { processor_version: version }),
  };
}
