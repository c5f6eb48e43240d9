import { type Static, Type } from "@sinclair/typebox";
import { TypeCompiler } from "@sinclair/typebox/compiler";
import type { ExecutionRef, Run } from "../internal/requests-api.ts";
import type { ResultRecord } from "../internal/results-api.ts";
import { ExecutionError, type Outcome, Timestamp } from "../values/execution.ts";
import { Uuid } from "../values/ids.ts";
import { jsonAt, jsonObject, readJson, toJson } from "../values/json.ts";
import { limits } from "../values/limits.ts";
import { type Topic, topics } from "./topics.ts";

/**
 * Every Kafka record: JSON in the original's form. `attempt` is added. Readers tolerate unknown fields and
 * missing headers; a newer `schema-version` than theirs they cannot read.
 */

const open = { additionalProperties: true } as const;

export const schemaVersion = "1";

export const headerNames = {
  schemaVersion: "schema-version",
  traceparent: "traceparent",
  /** Why a record is in the dead letter queue: a `DeadLetterReason`. */
  reason: "reason",
  /** Id of a dead letter: the same in every repetition of it. */
  deadLetterId: "dead-letter-id",
  /** Where a record that could not be read came from; `origin-headers` is JSON, values in base64; `origin-key` is base64. */
  originTopic: "origin-topic",
  originPartition: "origin-partition",
  originOffset: "origin-offset",
  originKey: "origin-key",
  originHeaders: "origin-headers",
  /** What of a record that could not be read was too large to be carried. */
  cut: "cut",
  /** One sentence for people. */
  detail: "detail",
} as const;

/**
 * - unreadable_record: the value is the bytes of a record that a consumer could not read.
 * - unexpected_error, lost: the value is the outcome of an execution.
 * - max_failures: the value is an execution that was refused.
 */
export type DeadLetterReason = "unreadable_record" | "unexpected_error" | "lost" | "max_failures";

/** A record to publish. `key` is the processing request's id; `null` where nobody could read one. */
export type OutgoingRecord = {
  topic: Topic;
  key: string | Uint8Array | null;
  /** `null` only in the dead letter of a record that had no value. */
  value: string | Uint8Array | null;
  headers: Record<string, string>;
};

/** A record as a consumer got it. */
export type IncomingRecord = {
  topic: string;
  partition: number;
  /** Decimal digits: offsets have 64 bits. */
  offset: string;
  /** Broker's or producer's time, epoch ms, as digits. */
  timestamp: string;
  key: Uint8Array | null;
  value: Uint8Array | null;
  headers: Record<string, Uint8Array>;
};

export type Reading<T> = { kind: "read"; record: T } | { kind: "unreadable"; detail: string };

const ExecutionMessage = Type.Object(
  {
    id: Uuid,
    attempt: Type.Integer({ minimum: 1, maximum: limits.attemptMax }),
    force_error: Type.Boolean(),
    creation_date: Timestamp,
    processing_request: Type.Object({ id: Uuid, payload: Type.Unknown() }, open),
  },
  open,
);

const OutcomeMessage = Type.Object(
  {
    id: Uuid,
    is_success: Type.Boolean(),
    processing_start_time: Timestamp,
    processing_end_time: Timestamp,
    processing_total_seconds: Type.Number({ minimum: 0 }),
    outputs: Type.Unknown(),
    error: Type.Optional(ExecutionError),
    execution: ExecutionMessage,
  },
  open,
);

export const recordSchemas = { execution: ExecutionMessage, outcome: OutcomeMessage };
const checkExecution = TypeCompiler.Compile(ExecutionMessage);
const checkOutcome = TypeCompiler.Compile(OutcomeMessage);

/** The public and the published form of an execution; `attempt` is left out where it is not given. */
export function executionJson(execution: {
  id: string;
  attempt?: number;
  force_error: boolean;
  creation_date: string;
  request_id: string;
  payload_json: string;
}): string {
  return jsonObject({
    id: toJson(execution.id),
    attempt: execution.attempt === undefined ? undefined : toJson(execution.attempt),
    force_error: toJson(execution.force_error),
    creation_date: toJson(execution.creation_date),
    processing_request: jsonObject({ id: toJson(execution.request_id), payload: execution.payload_json }),
  });
}

/** The wake-up of a queued execution. */
export function executionRecord(execution: {
  id: string;
  attempt: number;
  force_error: boolean;
  creation_date: string;
  request_id: string;
  payload_json: string;
  traceparent?: string | undefined;
}): OutgoingRecord {
  return {
    topic: topics.executions,
    key: execution.request_id,
    value: executionJson(execution),
    headers: headersOf(execution.traceparent),
  };
}

/** Which execution a record on the executions topic speaks of. All else comes from the database. */
export function readExecution(record: IncomingRecord): Reading<ExecutionRef> {
  const read = readMessage(record);
  if (read.kind === "unreadable") return read;
  const { message } = read;
  if (!checkExecution.Check(message)) return unreadable(firstError(checkExecution, message));
  return {
    kind: "read",
    record: {
      request_id: message.processing_request.id,
      attempt: message.attempt,
      execution_id: message.id,
    },
  };
}

/** The outcome of an execution, for the topic that its status belongs to. `failed_executions` also has the cancelled ones. */
export function outcomeRecord(
  run: Pick<
    Run,
    "request_id" | "attempt" | "execution_id" | "force_error" | "creation_date" | "payload_json"
  > & {
    traceparent?: string | undefined;
  },
  outcome: Outcome,
): OutgoingRecord {
  const isSuccess = outcome.status === "succeeded";
  const value = jsonObject({
    id: toJson(outcome.result_id),
    is_success: toJson(isSuccess),
    processing_start_time: toJson(outcome.processing_start_time),
    processing_end_time: toJson(outcome.processing_end_time),
    processing_total_seconds: toJson(outcome.processing_total_seconds),
    outputs: outcome.status === "succeeded" ? outcome.outputs_json : "{}",
    error: outcome.status === "succeeded" ? undefined : toJson(outcome.error),
    execution: executionJson({ ...run, id: run.execution_id }),
  });
  const headers = headersOf(run.traceparent);
  if (outcome.status !== "dead_lettered") {
    return { topic: isSuccess ? topics.successful : topics.failed, key: run.request_id, value, headers };
  }
  const reason: DeadLetterReason = outcome.error.code === "lost" ? "lost" : "unexpected_error";
  headers[headerNames.reason] = reason;
  headers[headerNames.deadLetterId] = outcome.result_id;
  headers[headerNames.detail] = headerText(outcome.error.message);
  return { topic: topics.deadLetters, key: run.request_id, value, headers };
}

/** An outcome record as the result that the Results DB keeps. */
export function readOutcome(record: IncomingRecord): Reading<ResultRecord> {
  const read = readMessage(record);
  if (read.kind === "unreadable") return read;
  const { message, text } = read;
  if (!checkOutcome.Check(message)) return unreadable(firstError(checkOutcome, message));
  const { execution } = message;
  return {
    kind: "read",
    record: {
      id: message.id,
      request_id: execution.processing_request.id,
      attempt: execution.attempt,
      execution_id: execution.id,
      is_success: message.is_success,
      processing_start_time: message.processing_start_time,
      processing_end_time: message.processing_end_time,
      processing_total_seconds: message.processing_total_seconds,
      outputs_json: jsonAt(text, "outputs") as string,
      ...(message.error && { error: message.error }),
      force_error: execution.force_error,
      creation_date: execution.creation_date,
      payload_json: jsonAt(text, "execution", "processing_request", "payload") as string,
    },
  };
}

/** The dead letter of an execution that was refused because its request has failed too often. */
export function refusedExecutionRecord(
  execution: Parameters<typeof executionJson>[0] & { traceparent?: string | undefined },
  detail: string,
): OutgoingRecord {
  const reason: DeadLetterReason = "max_failures";
  return {
    topic: topics.deadLetters,
    key: execution.request_id,
    value: executionJson(execution),
    headers: {
      ...headersOf(execution.traceparent),
      [headerNames.reason]: reason,
      [headerNames.deadLetterId]: execution.id,
      [headerNames.detail]: headerText(detail),
    },
  };
}

/**
 * The dead letter of a record that a consumer could not read: its bytes, where it was, and why. Always small
 * enough to be published, or nobody could go on behind such a record: a value above `limits.recordBytesMax`
 * (a compressed batch may hold one) is cut, a key or headers above `limits.originBytesMax` are left out, and
 * the header `cut` says so.
 */
export function unreadableRecord(record: IncomingRecord, detail: string): OutgoingRecord {
  const reason: DeadLetterReason = "unreadable_record";
  const { key, originHeaders, value, cut } = fitting(record);
  return {
    topic: topics.deadLetters,
    key,
    value,
    headers: {
      [headerNames.schemaVersion]: schemaVersion,
      [headerNames.reason]: reason,
      // The timestamp too: offsets begin again at 0 when a topic is made anew.
      [headerNames.deadLetterId]: `${record.topic}/${record.partition}/${record.offset}/${record.timestamp}`,
      [headerNames.originTopic]: record.topic,
      [headerNames.originPartition]: String(record.partition),
      [headerNames.originOffset]: record.offset,
      ...(key && { [headerNames.originKey]: base64(key) }),
      [headerNames.originHeaders]: originHeaders,
      ...(cut.length > 0 && { [headerNames.cut]: cut.join("; ") }),
      [headerNames.detail]: headerText(detail),
    },
  };
}

function fitting({ key, value, headers }: IncomingRecord) {
  const cut: string[] = [];
  const keyBytes = key?.length ?? 0;
  const isKeyCut = keyBytes > limits.originBytesMax;
  if (isKeyCut) cut.push(`key of ${keyBytes} bytes left out`);

  const encoded = Object.entries(headers).map(([name, header]) => [name, base64(header)]);
  const originHeaders = JSON.stringify(Object.fromEntries(encoded));
  const headerBytes = Buffer.byteLength(originHeaders);
  const areHeadersCut = headerBytes > limits.originBytesMax;
  if (areHeadersCut) cut.push(`headers of ${headerBytes} bytes left out`);

  const valueBytes = value?.length ?? 0;
  const isValueCut = valueBytes > limits.recordBytesMax;
  if (isValueCut) cut.push(`value cut to ${limits.recordBytesMax} of ${valueBytes} bytes`);
  return {
    key: isKeyCut ? null : key,
    originHeaders: areHeadersCut ? "{}" : originHeaders,
    value: value !== null && isValueCut ? value.subarray(0, limits.recordBytesMax) : value,
    cut,
  };
}

/** A header's value as text, or `undefined`. */
export function headerOf(record: IncomingRecord, name: string): string | undefined {
  const value = Object.hasOwn(record.headers, name) ? record.headers[name] : undefined;
  return value === undefined ? undefined : new TextDecoder().decode(value);
}

function headersOf(traceparent: string | undefined): Record<string, string> {
  const headers: Record<string, string> = { [headerNames.schemaVersion]: schemaVersion };
  if (traceparent !== undefined) headers[headerNames.traceparent] = traceparent;
  return headers;
}

function readMessage(
  record: IncomingRecord,
): { kind: "read"; message: unknown; text: string } | { kind: "unreadable"; detail: string } {
  const version = headerOf(record, headerNames.schemaVersion);
  if (version !== undefined && version !== schemaVersion) {
    return unreadable(`Its schema version is not ${schemaVersion}.`);
  }
  if (record.value === null) return unreadable("It has no value.");
  // A record wraps a payload of the greatest depth a few levels deeper.
  const reading = readJson(record.value, limits.nestingMax + 8);
  switch (reading.kind) {
    case "bad_encoding":
      return unreadable("Its value is not UTF-8.");
    case "too_deep":
      return unreadable("Its value is nested too deep.");
    case "not_json":
      return unreadable("Its value is not JSON.");
    case "read":
      return { kind: "read", message: JSON.parse(reading.text), text: reading.text };
  }
}

function unreadable(detail: string): { kind: "unreadable"; detail: string } {
  return { kind: "unreadable", detail };
}

function firstError(
  check: { Errors(value: unknown): { First(): { path: string; message: string } | undefined } },
  value: unknown,
): string {
  const error = check.Errors(value).First();
  return error ? `Its field ${error.path || "/"}: ${error.message}.` : "It has the wrong shape.";
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}

/** Headers are read by people in a console: one line, not too long. */
function headerText(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, " ").slice(0, limits.errorMessageCharsMax);
}

export type ExecutionMessage = Static<typeof ExecutionMessage>;
export type OutcomeMessage = Static<typeof OutcomeMessage>;
