import type { IncomingRecord, OutgoingRecord } from "../src/index.ts";

/** A published record as a consumer receives it. */
export function received(record: OutgoingRecord, place: Partial<IncomingRecord> = {}): IncomingRecord {
  const headers = Object.entries(record.headers).map(([name, text]) => [name, Buffer.from(text)]);
  return {
    topic: record.topic,
    partition: 0,
    offset: "0",
    timestamp: "1604766718103",
    key: record.key === null ? null : Buffer.from(record.key),
    value: record.value === null ? null : Buffer.from(record.value),
    headers: Object.fromEntries(headers),
    ...place,
  };
}
