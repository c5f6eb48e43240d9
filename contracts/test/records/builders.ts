import type { IncomingRecord, Outcome, OutgoingRecord } from "../../src/index.ts";

export const requestId = "01976b1e-7f0e-7000-8f0a-4b9b2f0a6c1d";
export const executionId = "01976b1e-7f0e-7000-8f0a-4b9b2f0a6c1e";
export const resultId = "01976b1e-7f0e-7000-8f0a-4b9b2f0a6c1f";
export const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
export const time = "2020-11-07 16:31:58.103057";

export const execution = {
  id: executionId,
  attempt: 2,
  force_error: true,
  creation_date: time,
  request_id: requestId,
  payload_json: '{"message":"ping"}',
};
export const run = { ...execution, execution_id: executionId };
export const ended = {
  result_id: resultId,
  processing_start_time: "2020-11-07 16:54:14.434825",
  processing_end_time: "2020-11-07 16:54:24.441799",
  processing_total_seconds: 10.006974,
};
export const succeeded = {
  status: "succeeded",
  ...ended,
  outputs_json: '{"message":"pong"}',
} as const satisfies Outcome;
export const failed = (status: "failed" | "dead_lettered" | "cancelled", code: string): Outcome => ({
  status,
  ...ended,
  error: { code, message: "It\nfailed." },
});

export const textOf = (record: { value: string | Uint8Array | null }) => String(record.value);

/** A published record as a consumer receives it. */
export function received({ topic, key, value, headers }: OutgoingRecord): IncomingRecord {
  return {
    topic,
    partition: 0,
    offset: "0",
    timestamp: "1604766718103",
    key: key === null ? null : Buffer.from(key),
    value: value === null ? null : Buffer.from(value),
    headers: Object.fromEntries(Object.entries(headers).map(([name, text]) => [name, Buffer.from(text)])),
  };
}

/** The same record with another value. */
export function withValue(record: IncomingRecord, value: string | Uint8Array | null): IncomingRecord {
  return { ...record, value: value === null ? null : Buffer.from(value) };
}

/** The same record with the field at a path changed, or (`undefined`) removed. */
export function withField(record: IncomingRecord, path: string[], value: unknown): IncomingRecord {
  const message = JSON.parse(String(record.value));
  const owner = path.slice(0, -1).reduce((object, key) => object[key], message);
  owner[path.at(-1) as string] = value;
  return withValue(record, JSON.stringify(message));
}
