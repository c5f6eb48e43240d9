import { limits } from "../values/limits.ts";
import type { IncomingRecord } from "./record.ts";

export const schemaVersion = "1";

export const headerNames = {
  schemaVersion: "schema-version",
  traceparent: "traceparent",
  /** Of a wake-up and of a refused attempt: the processor that the execution is for. */
  processor: "processor",
  /** Why a record is in the dead letter queue: a `DeadLetterReason`. */
  reason: "reason",
  /** The id of a dead letter, the same in every repetition of it. */
  deadLetterId: "dead-letter-id",
  /** The origin of an unreadable record. `origin-headers` is JSON with values in base64; `origin-key` is base64. */
  originTopic: "origin-topic",
  originPartition: "origin-partition",
  originOffset: "origin-offset",
  originKey: "origin-key",
  originHeaders: "origin-headers",
  /** Which parts of an unreadable record were too large to be carried. */
  cut: "cut",
  /** One sentence for people. */
  detail: "detail",
} as const;

const decoder = new TextDecoder();

/** A header's value as text, or `undefined`. Bytes that are not UTF-8 are replaced. */
export function headerOf(record: IncomingRecord, name: string): string | undefined {
  const value = Object.hasOwn(record.headers, name) ? record.headers[name] : undefined;
  return value === undefined ? undefined : decoder.decode(value);
}

/** The headers of every record that Sate writes. */
export function baseHeaders(traceparent: string | undefined): Record<string, string> {
  const headers: Record<string, string> = { [headerNames.schemaVersion]: schemaVersion };
  if (traceparent !== undefined) headers[headerNames.traceparent] = traceparent;
  return headers;
}

/** Text as one line of bounded length, such as a header's value, which people read in a console. */
export function oneLine(text: string, charsMax: number = limits.lineCharsMax): string {
  return text.slice(0, charsMax).replaceAll(/\p{Cc}/gu, " ");
}
