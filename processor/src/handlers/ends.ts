import { limits, readJson } from "@sate/contracts";
import type { HandlerEnd } from "../ports.ts";

/**
 * Commands and endpoints return bytes, from which these functions make the end of a run. Texts may be of any length and
 * contain anything: they are cut and escaped where the run ends.
 */

type Failed = Extract<HandlerEnd, { kind: "failed" }>;

/** Characters of bytes that are no JSON, shown to the user. */
const shownCharsMax = 200;

/** Success with these bytes as the outputs, or the failure that they are too large, or no JSON. `source` begins a sentence. */
export function outputsEnd(bytes: Uint8Array, source: string): HandlerEnd {
  if (bytes.length > limits.outputsBytesMax) return tooLarge(source);
  const reading = readJson(bytes, limits.nestingMax);
  switch (reading.kind) {
    case "read":
      // Only JSON's own white space can stand around a JSON text, such as the line feed of `print`.
      return { kind: "succeeded", outputsJson: reading.text.trim() };
    case "too_deep":
      return failed("outputs_too_large", `${source} is nested deeper than ${limits.nestingMax}.`, false);
    case "bad_encoding":
      return notJson(`${source} is not UTF-8.`);
    case "not_json":
      return notJson(`${source} is not JSON.`);
  }
}

export function tooLarge(source: string, advice = ""): Failed {
  return failed(
    "outputs_too_large",
    `${source} has more than ${limits.outputsBytesMax} bytes.${advice}`,
    false,
  );
}

export function notJson(message: string): Failed {
  return failed("outputs_not_json", message, false);
}

export function failed(code: string, message: string, isRetryable?: boolean): Failed {
  return { kind: "failed", error: { code, message }, isRetryable };
}

/**
 * The failure that is reported as JSON, `{"code", "message", "retryable"?}`; `null` if the bytes are
 * anything else.
 */
export function reportedFailure(bytes: Uint8Array): Failed | null {
  const reading = readJson(bytes, limits.nestingMax);
  if (reading.kind !== "read") return null;
  const { code, message, retryable } = (reading.value ?? {}) as Record<string, unknown>;
  if (typeof code !== "string" || code === "" || typeof message !== "string") return null;
  return failed(code, message, typeof retryable === "boolean" ? retryable : undefined);
}

/** The beginning of bytes that may be anything, to be shown to a person. */
export function shown(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes.subarray(0, shownCharsMax * 4)).slice(0, shownCharsMax);
}
