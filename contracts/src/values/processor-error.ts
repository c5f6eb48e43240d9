import { type ExecutionError, sateErrorCodes } from "./execution.ts";
import { limits } from "./limits.ts";

const codeCharsMax = 100;
/** The codes of runs that ended without reporting a failure. */
const brokenCodes = ["unexpected_error", "process_died"];

/** Failures that another try would only repeat. */
export const neverRetried: ReadonlySet<string> = new Set([
  "outputs_too_large",
  "outputs_not_json",
  "invalid_input",
]);

/**
 * The error of a processor, within the limits of the contract. Control characters are escaped, since a terminal would
 * obey them. A code by which Sate itself ends executions gets the prefix `processor_`, so that clients can rely on those
 * codes. A `broken` run reported no failure, so it keeps the codes that say so.
 */
export function processorError(kind: "failed" | "broken", { code, message }: ExecutionError): ExecutionError {
  const isAllowed = !sateErrorCodes.includes(code) || (kind === "broken" && brokenCodes.includes(code));
  return {
    code: printable(isAllowed ? code : `processor_${code}`, codeCharsMax),
    message: printable(message, limits.errorMessageBytesMax),
  };
}

/** The text with control characters escaped, as well-formed UTF-8 of at most `bytesMax` bytes. */
function printable(text: string, bytesMax: number): string {
  // A character has at least one byte, so what is cut off here could not fit. A huge text is never copied.
  const escaped = text
    .slice(0, bytesMax)
    .replaceAll(/\p{Cc}/gu, escapedOf)
    .toWellFormed();
  const bytes = Buffer.from(escaped);
  if (bytes.length <= bytesMax) return escaped;
  let end = bytesMax;
  while (isContinuation(bytes[end])) end--;
  return bytes.toString("utf8", 0, end);
}

/** As JSON writes it: `\n`, `\u001b`. It leaves the characters from U+007F to U+009F as they are. */
function escapedOf(character: string): string {
  const json = JSON.stringify(character).slice(1, -1);
  return json === character ? `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}` : json;
}

/** Whether the byte is the second, third or fourth of a character in UTF-8. */
function isContinuation(byte = 0): boolean {
  return (byte & 0xc0) === 0x80;
}
