import type { ExecutionError } from "./execution.ts";
import { executionKey } from "./ids.ts";
import type { ResultRecord } from "./results-api.ts";

/**
 * The Results DB, which two services share: the listener writes it, results-service reads it. Payloads and
 * outputs are JSON text. The fields of a document are the columns of a row in SQLite.
 */

export const resultsCollections = { results: "results", deadLetters: "dead_letters" } as const;

/** `_id` is `executionKey(request_id, attempt)`: one result for an execution, and all of a request side by side. */
export type ResultDocument = {
  _id: string;
  id: string;
  request_id: string;
  attempt: number;
  execution_id: string;
  is_success: boolean;
  processing_start_time: string;
  processing_end_time: string;
  processing_total_seconds: number;
  outputs: string;
  error_code?: string;
  error_message?: string;
  force_error: boolean;
  creation_date: string;
  payload: string;
};

export function resultDocument(record: ResultRecord): ResultDocument {
  const { outputs_json, payload_json, error, ...rest } = record;
  return {
    _id: executionKey(record.request_id, record.attempt),
    id: rest.id,
    request_id: rest.request_id,
    attempt: rest.attempt,
    execution_id: rest.execution_id,
    is_success: rest.is_success,
    processing_start_time: rest.processing_start_time,
    processing_end_time: rest.processing_end_time,
    processing_total_seconds: rest.processing_total_seconds,
    outputs: outputs_json,
    ...(error && { error_code: error.code, error_message: error.message }),
    force_error: rest.force_error,
    creation_date: rest.creation_date,
    payload: payload_json,
  };
}

export function resultRecord(document: ResultDocument): ResultRecord {
  const { _id, outputs, payload, error_code, error_message, ...rest } = document;
  const error: ExecutionError | undefined =
    error_code === undefined ? undefined : { code: error_code, message: error_message ?? "" };
  return { ...rest, outputs_json: outputs, payload_json: payload, ...(error && { error }) };
}

/** A record of the dead letter queue, as it came: kept for people, and to be played again. */
export type DeadLetterDocument = {
  /** Its `dead-letter-id`, the same in every repetition; else where it stands: `topic/partition/offset/timestamp`. */
  _id: string;
  /** Of its record in the dead letter queue, epoch ms. */
  timestamp: number;
  reason: string;
  detail: string;
  key: Uint8Array | null;
  value: Uint8Array | null;
  /** JSON: header names to values in base64. */
  headers: string;
};

/** The tables of the Results DB in SQLite. */
export const resultsSchema = `
  CREATE TABLE IF NOT EXISTS results (
    _id TEXT PRIMARY KEY NOT NULL,
    id TEXT NOT NULL,
    request_id TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    execution_id TEXT NOT NULL,
    is_success INTEGER NOT NULL,
    processing_start_time TEXT NOT NULL,
    processing_end_time TEXT NOT NULL,
    processing_total_seconds REAL NOT NULL,
    outputs TEXT NOT NULL,
    error_code TEXT,
    error_message TEXT,
    force_error INTEGER NOT NULL,
    creation_date TEXT NOT NULL,
    payload TEXT NOT NULL
  ) STRICT;

  CREATE TABLE IF NOT EXISTS dead_letters (
    _id TEXT PRIMARY KEY NOT NULL,
    timestamp INTEGER NOT NULL,
    reason TEXT NOT NULL,
    detail TEXT NOT NULL,
    key BLOB,
    value BLOB,
    headers TEXT NOT NULL
  ) STRICT;
  CREATE INDEX IF NOT EXISTS newest_dead_letters ON dead_letters (timestamp);
`;
