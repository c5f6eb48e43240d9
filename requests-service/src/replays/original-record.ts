import {
  type DeadLetterReason,
  type DeadLetterRecord,
  headerNames,
  limits,
  type OutgoingRecord,
  type Replay,
  type Topic,
  topics,
} from "@sate/contracts";

/** The topics that consumers read records from, and so the origins of those that they could not read. */
const origins = new Set<string>([topics.executions, topics.successful, topics.failed] satisfies Topic[]);
const unreadable: DeadLetterReason = "unreadable_record";
/** What a broker adds to a record: more than enough. */
const overheadBytes = 1_024;

/**
 * The record of which an unreadable record's dead letter was made, byte for byte: the reverse of `unreadableRecord`.
 * Otherwise why there is none. The queue may contain anything, so nothing is published to a topic that is not Sate's.
 */
export function originalRecord(deadLetter: DeadLetterRecord): OutgoingRecord | Replay {
  const { reason, origin_topic: topic, cut, key_base64, value_base64, headers_json } = deadLetter;
  if (reason !== unreadable || topic === undefined || !origins.has(topic)) return { kind: "no_origin" };
  const own = bytesOf(headers_json);
  const cutBefore = own[headerNames.cut];
  if (cut !== undefined || cutBefore) return { kind: "cut", cut: cut ?? String(cutBefore) };
  const record = {
    topic: topic as Topic,
    key: key_base64 === undefined ? null : Buffer.from(key_base64, "base64"),
    value: value_base64 === undefined ? null : Buffer.from(value_base64, "base64"),
    headers: bytesOf(String(own[headerNames.originHeaders] ?? "{}")),
  };
  let bytes = overheadBytes + (record.key?.length ?? 0) + (record.value?.length ?? 0);
  for (const [name, header] of Object.entries(record.headers))
    bytes += Buffer.byteLength(name) + header.length;
  return bytes > limits.recordBytesMax ? { kind: "too_large" } : record;
}

/** Headers as they are stored; none if another program wrote something else. */
function bytesOf(headersJson: string): Record<string, Buffer> {
  try {
    const encoded = Object.entries(JSON.parse(headersJson) as Record<string, unknown>);
    return Object.fromEntries(encoded.map(([name, text]) => [name, Buffer.from(String(text), "base64")]));
  } catch {
    return {};
  }
}
