import type { ResultRecord } from "../internal/results-api.ts";
import { executionKey } from "../values/ids.ts";
import { deadLettersSchema } from "./dead-letters.ts";

/**
 * The Results DB, on which results-listener, its only writer, and results-service, its only reader, must agree: the
 * same two collections or tables, with the same field names in MongoDB and in SQLite.
 *
 * Payloads, outputs and errors are JSON text, so a client's keys have no meaning to the database, and what is read
 * is what was written.
 */
export const resultsCollections = { results: "results", deadLetters: "dead_letters" } as const;

type Fields = Omit<ResultRecord, "outputs_json" | "payload_json" | "error">;

/**
 * The result of an execution. It is written once and never changed, except that a removal replaces it with a tombstone
 * under the same key: then a record that is delivered again stores nothing.
 */
export type ResultDocument = Fields & {
  /** `executionKey(request_id, attempt)`: one result per execution, sharded by request, sorted by attempt. */
  _id: string;
  outputs: string;
  payload: string;
  /** Absent if the execution succeeded. */
  error?: string;
  /** Of a tombstone: the instant of the removal, by the clock of the Requests DB. */
  removed_at?: number;
};

/** The same in SQLite, which has no booleans and no absent columns. */
export type ResultRow = Omit<ResultDocument, "is_success" | "force_error" | Optional> & {
  is_success: number;
  force_error: number;
} & { [name in Optional]: NonNullable<ResultDocument[name]> | null };
type Optional = "error" | "processor" | "processor_version" | "tries" | "removed_at";

/** The tables of the Results DB in SQLite. */
export const resultsSchema = `
  CREATE TABLE IF NOT EXISTS results (
    _id TEXT PRIMARY KEY NOT NULL,
    request_id TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    execution_id TEXT NOT NULL,
    id TEXT NOT NULL,
    is_success INTEGER NOT NULL,
    processing_start_time TEXT NOT NULL,
    processing_end_time TEXT NOT NULL,
    processing_total_seconds REAL NOT NULL,
    outputs TEXT NOT NULL,
    error TEXT,
    force_error INTEGER NOT NULL,
    creation_date TEXT NOT NULL,
    payload TEXT NOT NULL,
    processor TEXT,
    processor_version TEXT,
    tries INTEGER,
    removed_at INTEGER
  ) STRICT;
${deadLettersSchema}`;

export function resultDocument(result: ResultRecord): ResultDocument {
  const { outputs_json, payload_json, error, ...fields } = result;
  return {
    _id: executionKey(result.request_id, result.attempt),
    ...fields,
    outputs: outputs_json,
    payload: payload_json,
    ...(error && { error: JSON.stringify(error) }),
  };
}

export function resultRow(result: ResultRecord): ResultRow {
  const document = resultDocument(result);
  return {
    ...document,
    is_success: document.is_success ? 1 : 0,
    force_error: document.force_error ? 1 : 0,
    error: document.error ?? null,
    processor: document.processor ?? null,
    processor_version: document.processor_version ?? null,
    tries: document.tries ?? null,
    removed_at: document.removed_at ?? null,
  };
}

/** What replaces a result that was removed. It has the key of the result, and nothing of its content. */
export function resultTombstone(
  { request_id, attempt }: Pick<ResultRecord, "request_id" | "attempt">,
  removed_at: number,
): ResultDocument {
  const none = { id: "", execution_id: "", creation_date: "", outputs: "", payload: "" };
  const times = { processing_start_time: "", processing_end_time: "", processing_total_seconds: 0 };
  return {
    _id: executionKey(request_id, attempt),
    ...{ request_id, attempt, is_success: false, force_error: false },
    ...none,
    ...times,
    removed_at,
  };
}

/**
 * The key of the tombstone of a whole request, which no result can have: attempts begin with 1. Dead letters of a request
 * that has one are not kept.
 */
export function requestTombstoneKey(requestId: string): string {
  return executionKey(requestId, 0);
}

/** A stored result, from either database, as a record of the internal API. It is no tombstone. */
export function resultOf({
  _id,
  outputs,
  payload,
  error,
  processor,
  processor_version,
  tries,
  removed_at: _removed,
  ...fields
}: ResultDocument | ResultRow): ResultRecord {
  return {
    ...fields,
    is_success: Boolean(fields.is_success),
    outputs_json: outputs,
    ...(error && { error: JSON.parse(error) }),
    force_error: Boolean(fields.force_error),
    payload_json: payload,
    ...(processor && { processor }),
    ...(processor_version && { processor_version }),
    ...(tries && { tries }),
  };
}

/** The key range, both ends exclusive, of the results of a request's attempts after `afterAttempt`. */
export function resultKeysAfter(requestId: string, afterAttempt: number): { above: string; below: string } {
  // ";" is the character after ":", which ends the request id in a key.
  return { above: executionKey(requestId, afterAttempt), below: `${requestId};` };
}
