import type { RequestRecord } from "@sate/contracts";
import type { Execution } from "../../executions/execution.ts";
import { joinedOutcome } from "../stored.ts";

/** The tables of the Requests DB in SQLite: the columns are the fields of the MongoDB documents. */
export const schema = `
  CREATE TABLE IF NOT EXISTS requests (
    id TEXT PRIMARY KEY NOT NULL,
    payload TEXT NOT NULL,
    processor TEXT,
    creation_date TEXT NOT NULL
  ) STRICT;

  CREATE TABLE IF NOT EXISTS executions (
    request_id TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    id TEXT NOT NULL,
    force_error INTEGER NOT NULL,
    creation_date TEXT NOT NULL,
    traceparent TEXT,
    status TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    lost INTEGER NOT NULL,
    cancel_requested INTEGER NOT NULL,
    worker_id TEXT,
    claim_id TEXT,
    result_id TEXT,
    outcome TEXT,
    outputs TEXT,
    mark TEXT,
    PRIMARY KEY (request_id, attempt)
  ) STRICT;
  CREATE INDEX IF NOT EXISTS queued_executions ON executions (request_id, attempt) WHERE status = 'queued';
  CREATE INDEX IF NOT EXISTS running_executions ON executions (request_id, attempt) WHERE status = 'running';
  CREATE INDEX IF NOT EXISTS marked_executions ON executions (mark DESC, request_id, attempt) WHERE mark IS NOT NULL;

  CREATE TABLE IF NOT EXISTS refusals (
    request_id TEXT NOT NULL,
    id TEXT NOT NULL,
    force_error INTEGER NOT NULL,
    creation_date TEXT NOT NULL,
    traceparent TEXT,
    failures INTEGER NOT NULL,
    max_failures INTEGER NOT NULL,
    PRIMARY KEY (request_id, id)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE IF NOT EXISTS workers (
    id TEXT PRIMARY KEY NOT NULL,
    beats INTEGER NOT NULL,
    given_up INTEGER NOT NULL
  ) STRICT;
`;

/** All that an execution is read with: outputs are large and rarely needed. */
export const executionColumns =
  "request_id, attempt, id, force_error, creation_date, traceparent, status, epoch, lost, cancel_requested, worker_id, claim_id, outcome, mark";

/** A record as SQLite holds it: without booleans and absent fields. */
export type Row<T> = { [K in keyof T]-?: Column<T[K]> };
type Column<V> = V extends boolean ? number : V extends undefined ? null : V;

export type RequestRow = Row<Omit<RequestRecord, "payload_json">> & { payload: string };
export type ExecutionRow = Row<Omit<Execution, "outcome">> & {
  outcome: string | null;
  outputs?: string | null;
};

const flags = new Set(["force_error", "cancel_requested", "given_up"]);

export function recordOf<T extends object>(row: Row<T>): T {
  const record: Partial<Record<string, unknown>> = {};
  for (const name in row) {
    if (row[name] !== null) record[name] = flags.has(name) ? Boolean(row[name]) : row[name];
  }
  return record as T;
}

export function requestOf({ payload, ...row }: RequestRow): RequestRecord {
  return { ...recordOf<Omit<RequestRecord, "payload_json">>(row), payload_json: payload };
}

export function executionOf({ outcome, outputs, ...row }: ExecutionRow): Execution {
  const execution = recordOf<Omit<Execution, "outcome">>(row);
  return outcome === null ? execution : { ...execution, outcome: joinedOutcome(outcome, outputs) };
}
