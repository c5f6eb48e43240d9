import {
  executionRecord,
  type IncomingRecord,
  type Outcome,
  type OutgoingRecord,
  outcomeRecord,
  type ResultRecord,
  readOutcome,
  refusedExecutionRecord,
  topics,
} from "@sate/contracts";

/** Records for tests: each call creates a new one, at a new offset, unless the test sets them. */

let offset = 0;

export function received(record: OutgoingRecord, place: Partial<IncomingRecord> = {}): IncomingRecord {
  const headers = Object.entries(record.headers).map(([name, text]) => [name, Buffer.from(text)]);
  return {
    topic: record.topic,
    partition: 0,
    offset: String(offset++),
    timestamp: "1604766718103",
    key: record.key === null ? null : Buffer.from(record.key),
    value: record.value === null ? null : Buffer.from(record.value),
    headers: Object.fromEntries(headers),
    ...place,
  };
}

export type Ending = "succeeded" | "failed" | "cancelled" | "unexpected_error" | "lost";

type Parts = Partial<{
  requestId: string;
  attempt: number;
  executionId: string;
  resultId: string;
  payloadJson: string;
  outputsJson: string;
}>;

/** The outcome of an execution that ended like this. */
export function outcomeOf(ending: Ending, parts: Parts = {}): OutgoingRecord {
  const run = {
    request_id: parts.requestId ?? Bun.randomUUIDv7(),
    attempt: parts.attempt ?? 1,
    execution_id: parts.executionId ?? Bun.randomUUIDv7(),
    force_error: ending === "failed",
    creation_date: "2020-11-07 16:31:58.103057",
    payload_json: parts.payloadJson ?? '{"message":"ping"}',
    processor: "word-count",
  };
  const ended = {
    result_id: parts.resultId ?? Bun.randomUUIDv7(),
    processing_start_time: "2020-11-07 16:54:14.434825",
    processing_end_time: "2020-11-07 16:54:24.441799",
    processing_total_seconds: 10.006974,
  };
  return outcomeRecord(run, { ...ended, ...end() } as Outcome);

  function end() {
    if (ending === "succeeded") {
      const ranTwice = { tries: 2, processor_version: "1b2c" };
      return { status: ending, ...ranTwice, outputs_json: parts.outputsJson ?? '{"message":"pong"}' };
    }
    const isUnexpected = ending === "unexpected_error" || ending === "lost";
    const code = ending === "failed" ? "forced_error" : ending;
    return { status: isUnexpected ? "dead_lettered" : ending, error: { code, message: "It broke." } };
  }
}

const execution = () => ({
  id: Bun.randomUUIDv7(),
  force_error: false,
  creation_date: "2020-11-07 16:31:58.103057",
  request_id: Bun.randomUUIDv7(),
  payload_json: "{}",
});

/** An attempt refused because of too many failures. */
export function refusedExecution(payload_json = "{}", parts: { request_id?: string } = {}) {
  const refused = { ...execution(), processor: "word-count", payload_json, ...parts };
  return refusedExecutionRecord({ ...refused, failures: 3, max_failures: 3 });
}

/** A record that belongs to another topic. */
export const wakeUp = () => executionRecord({ ...execution(), attempt: 4 });

/** A result as the listener reads it from its record. */
export function resultOf(ending: Ending, parts: Parts = {}): ResultRecord {
  const reading = readOutcome(received(outcomeOf(ending, parts)));
  if (reading.kind !== "read") throw new Error(reading.detail);
  return reading.record;
}

/** Bytes on an outcome topic or the dead letter queue, without headers. */
export function garbage(
  value: string | Uint8Array | null,
  place: Partial<IncomingRecord> = {},
): IncomingRecord {
  return received({ topic: topics.successful, key: null, value, headers: {} }, place);
}

/** Records that cannot be read, each for another reason. */
export function unreadables(): IncomingRecord[] {
  const good = outcomeOf("succeeded");
  const message = JSON.parse(String(good.value));
  const values = [
    null,
    "",
    randomBytes(1024 * 1024),
    '{"id":"x"',
    new Uint8Array([0x22, 0xff, 0x22]),
    '{"hello":"world"}',
    "null",
    "[".repeat(200_000),
    wakeUp().value,
    JSON.stringify({ ...message, execution: undefined }),
    JSON.stringify({ ...message, execution: { ...message.execution, attempt: 0 } }),
  ];
  const ofNewerSchema = received({ ...good, headers: { "schema-version": "999" } });
  return [...values.map((value) => garbage(value)), ofNewerSchema];
}

export function randomBytes(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at += 65_536) crypto.getRandomValues(bytes.subarray(at, at + 65_536));
  return bytes;
}
