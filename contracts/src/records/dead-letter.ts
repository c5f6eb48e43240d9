import type { RefusedExecution } from "../internal/requests-api.ts";
import { limits } from "../values/limits.ts";
import { executionJson } from "./execution.ts";
import { baseHeaders, headerNames, oneLine } from "./headers.ts";
import type { IncomingRecord, OutgoingRecord } from "./record.ts";
import { topics } from "./topics.ts";

/**
 * - unreadable_record: the value is the bytes of a record that a consumer could not read.
 * - unexpected_error, lost: the value is the outcome of an execution.
 * - max_failures: the value is an execution that was refused.
 */
export type DeadLetterReason = "unreadable_record" | "unexpected_error" | "lost" | "max_failures";

/** The dead letter of an execution that was refused because its request reached the maximum number of failed executions. */
export function refusedExecutionRecord(
  refused: RefusedExecution & { creation_date: string; payload_json: string; processor: string },
): OutgoingRecord {
  return {
    topic: topics.deadLetters,
    key: refused.request_id,
    value: executionJson(refused),
    headers: {
      ...baseHeaders(refused.traceparent),
      [headerNames.reason]: "max_failures" satisfies DeadLetterReason,
      [headerNames.deadLetterId]: refused.id,
      [headerNames.processor]: refused.processor,
      [headerNames.detail]: `Failed executions: ${refused.failures}, allowed: ${refused.max_failures}.`,
    },
  };
}

/**
 * The dead letter of a record that a consumer could not read: its bytes, its origin and the reason. It can always be
 * published, or the consumer could never get past such a record: what is larger than `limits.recordBytesMax` (value)
 * or `limits.originBytesMax` (key, headers) is cut, and the header `cut` says so. A compressed batch may hold such a
 * record.
 */
export function unreadableRecord(record: IncomingRecord, detail: string): OutgoingRecord {
  const { key, value, headersJson, cut } = cutToSize(record, {
    valueBytes: limits.recordBytesMax,
    keyBytes: limits.originBytesMax,
    headersBytes: limits.originBytesMax,
  });
  return {
    topic: topics.deadLetters,
    key,
    value,
    headers: {
      ...baseHeaders(undefined),
      [headerNames.reason]: "unreadable_record" satisfies DeadLetterReason,
      // With the timestamp, because offsets start at 0 again when a topic is recreated.
      [headerNames.deadLetterId]: `${record.topic}/${record.partition}/${record.offset}/${record.timestamp}`,
      [headerNames.originTopic]: record.topic,
      [headerNames.originPartition]: String(record.partition),
      [headerNames.originOffset]: record.offset,
      ...(key && { [headerNames.originKey]: base64(key) }),
      [headerNames.originHeaders]: headersJson,
      ...(cut !== null && { [headerNames.cut]: cut }),
      [headerNames.detail]: oneLine(detail),
    },
  };
}

/**
 * The parts of any record within limits, each in bytes. The value is truncated; the key and the headers (as JSON,
 * name → value in base64) are kept whole or omitted. `cut` says in sentences what was truncated or omitted; `null` if nothing.
 */
export function cutToSize(
  { key, value, headers }: IncomingRecord,
  max: { valueBytes: number; keyBytes: number; headersBytes: number },
): { key: Uint8Array | null; value: Uint8Array | null; headersJson: string; cut: string | null } {
  const cut: string[] = [];
  const isKeyOmitted = key !== null && key.length > max.keyBytes;
  if (isKeyOmitted) cut.push(`The key of ${key.length} bytes was omitted.`);

  const encoded = Object.entries(headers).map(([name, header]) => [name, base64(header)]);
  const headersJson = JSON.stringify(Object.fromEntries(encoded));
  const headersBytes = Buffer.byteLength(headersJson);
  const areHeadersOmitted = headersBytes > max.headersBytes;
  if (areHeadersOmitted) cut.push(`The headers of ${headersBytes} bytes were omitted.`);

  const isValueCut = value !== null && value.length > max.valueBytes;
  if (isValueCut) cut.push(`The value was truncated to ${max.valueBytes} of ${value.length} bytes.`);
  return {
    key: isKeyOmitted ? null : key,
    value: isValueCut ? value.subarray(0, max.valueBytes) : value,
    headersJson: areHeadersOmitted ? "{}" : headersJson,
    cut: cut.length > 0 ? cut.join(" ") : null,
  };
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}
