import { limits, readJson } from "@sate/contracts";
import type { HandlerEnd } from "../ports.ts";

/**
 * These functions turn the bytes that commands and endpoints return into the end of a run. Texts may have any length
 * and content: they are cut and escaped where the run ends.
 */

type Failed = Extract<HandlerEnd, { kind: "failed" }>;

/** How many characters of output that is not JSON are shown to the user. */
const shownCharsMax = 200;

/**
 * A success with these bytes as the outputs, or a failure if they are too large or not JSON. `source` is the subject of
 * the error message, such as "The response".
 */
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
 * The failure that the bytes report as JSON, `{"code", "message", "retryable"?}`; `null` if they report none.
 */
export function reportedFailure(bytes: Uint8Array): Failed | null {
  const reading = readJson(bytes, limits.nestingMax);
  if (reading.kind !== "read") return null;
  const { code, message, retryable } = (reading.value ?? {}) as Record<string, unknown>;
  if (typeof code !== "string" || code === "" || typeof message !== "string") return null;
  return failed(code, message, typeof retryable === "boolean" ? retryable : undefined);
}

/** The beginning of arbitrary bytes, as text for the user. */
export function shown(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes.subarray(0, shownCharsMax * 4)).slice(0, shownCharsMax);
}
