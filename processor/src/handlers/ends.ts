import { limits, readJson } from "@sate/contracts";
import type { HandlerEnd } from "../ports.ts";

/** Commands and endpoints hand back bytes. This file makes the end of a run of them. */

type Failed = Extract<HandlerEnd, { kind: "failed" }>;

/** Characters of bytes that are no JSON, shown to the user. */
const shownCharsMax = 200;
const codeCharsMax = 100;

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
 * The failure that is reported as JSON, `{"code", "message", "retryable"?}`, cut to the limits; `null` if the bytes are
 * anything else.
 */
export function reportedFailure(bytes: Uint8Array): Failed | null {
  const reading = readJson(bytes, limits.nestingMax);
  if (reading.kind !== "read") return null;
  const { code, message, retryable } = (reading.value ?? {}) as Record<string, unknown>;
  if (typeof code !== "string" || code === "" || typeof message !== "string") return null;
  return failed(
    oneLine(code, codeCharsMax),
    message.slice(0, limits.errorMessageBytesMax).toWellFormed(),
    typeof retryable === "boolean" ? retryable : undefined,
  );
}

/** The beginning of bytes that may be anything, to be shown to a person. */
export function shown(bytes: Uint8Array): string {
  return oneLine(new TextDecoder().decode(bytes.subarray(0, shownCharsMax * 4)), shownCharsMax);
}

/** At most `charsMax` characters, control characters escaped as in JSON, so that no terminal interprets them. */
export function oneLine(text: string, charsMax: number): string {
  const escaped = (control: string) => `\\u${control.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return text
    .slice(0, charsMax)
    .toWellFormed()
    .replaceAll(/[\p{Cc}\p{Zl}\p{Zp}]/gu, escaped);
}
