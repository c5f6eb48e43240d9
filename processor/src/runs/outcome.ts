import { type ExecutionError, formatTimestamp, limits, type Outcome, readJson } from "@sate/contracts";
import { errorFields, type LogFields } from "@sate/contracts/runtime";

/** How a run ended: its outcome without what was measured. */
export type RunEnd =
  | { status: "succeeded"; outputs_json: string }
  | { status: "failed" | "dead_lettered" | "cancelled"; error: ExecutionError };

const codeCharsMax = 100;

export const unknownProcessor = failed(
  "unknown_processor",
  "No processor of this name is loaded. Check the name, or add its module to PROCESSORS_DIR; then create a new request.",
);
export function timedOut(deadlineMs: number): RunEnd {
  return failed("timeout", `The execution did not end within ${deadlineMs / 1_000} seconds.`);
}

/**
 * The end of a run whose handler resolved to this: its outputs, if they are JSON within the limits, or the failure that
 * it reports. Anything but a `HandlerEnd` is an unexpected error. Handlers are code of others, in which types do not
 * hold and a getter may throw or return something else the next time: so each member is read once. Throws what a
 * getter throws.
 */
export function readHandlerEnd(given: unknown): RunEnd {
  const { kind, outputsJson, error } = (given ?? {}) as Record<string, unknown>;
  if (kind === "succeeded" && typeof outputsJson === "string") return readOutputs(outputsJson);
  const { code, message } = ((kind === "failed" && error) || {}) as Record<string, unknown>;
  if (typeof code === "string" && code !== "" && typeof message === "string") return failed(code, message);
  return unexpected("The processor did not return a valid result.");
}

/**
 * The end of a run whose handler threw this, and fields for the log: codes and causes. The reader of a result gets the
 * class of what was thrown, since its text may hold a secret. Never throws, whatever it was.
 */
export function readThrown(thrown: unknown): { end: RunEnd; fields: LogFields } {
  let name = "Error";
  let fields: LogFields = {};
  try {
    const given: unknown = thrown instanceof Error ? thrown.name : typeof thrown;
    if (typeof given === "string" && /^[A-Za-z0-9_$]{1,60}$/.test(given)) name = given;
    fields = errorFields(thrown);
  } catch {} // a getter or a proxy throws
  const end = unexpected(`The processor threw an unexpected error (${name}).`);
  return { end, fields: { ...fields, error: name } };
}

function readOutputs(outputsJson: string): RunEnd {
  // A lone surrogate cannot be written as UTF-8, so such a text would change on its way.
  if (!outputsJson.isWellFormed()) return unexpected("The outputs are not JSON.");
  // A string has at least as many bytes as characters: a giant is refused before it is copied.
  const bytes = outputsJson.length > limits.outputsBytesMax ? null : Buffer.from(outputsJson);
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

function failed(code: string, message: string): RunEnd {
  const cut = (text: string, charsMax: number) => text.slice(0, charsMax).toWellFormed();
  const error = { code: cut(code, codeCharsMax), message: cut(message, limits.errorMessageCharsMax) };
  return { status: "failed", error };
}

function unexpected(message: string): RunEnd {
  return { status: "dead_lettered", error: { code: "unexpected_error", message } };
}

/**
 * The outcome of a run that started at `startedAtMs` of the wall clock and took `elapsedMs` of the monotonic one. Its
 * end is the start plus the duration, so it never lies before the start, however the wall clock jumps.
 */
export function outcomeOf(end: RunEnd, resultId: string, startedAtMs: number, elapsedMs: number): Outcome {
  return {
    ...end,
    result_id: resultId,
    processing_start_time: formatTimestamp(startedAtMs),
    processing_end_time: formatTimestamp(startedAtMs + elapsedMs),
    processing_total_seconds: Math.round(elapsedMs * 1_000) / 1_000_000,
  };
}
