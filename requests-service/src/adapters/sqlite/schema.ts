import { defaultProcessor, type RequestRecord } from "@sate/contracts";
import type { Execution } from "../../executions/execution.ts";
import { joinedOutcome, parsed } from "../stored.ts";

/** The tables of the Requests DB in SQLite: the columns are the fields of the MongoDB documents. */
export const schema = `
  CREATE TABLE IF NOT EXISTS requests (
    id TEXT PRIMARY KEY NOT NULL,
    processor TEXT,
    creation_date TEXT NOT NULL,
    labels TEXT,
    start TEXT,
    removed_at INTEGER,
    -- Last, so that the other columns of a large request are read without it.
    payload TEXT NOT NULL
  ) STRICT;
  CREATE INDEX IF NOT EXISTS starting_requests ON requests (id) WHERE start IS NOT NULL;

  CREATE INDEX IF NOT EXISTS requests_by_processor ON requests (coalesce(processor, '${defaultProcessor}'), id);
  CREATE TABLE IF NOT EXISTS request_labels (
    label TEXT NOT NULL,
    id TEXT NOT NULL,
    processor TEXT,
    PRIMARY KEY (label, id)
  ) STRICT, WITHOUT ROWID;

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
    processor TEXT NOT NULL,
    tries INTEGER NOT NULL,
    timeout_seconds REAL,
    start_after INTEGER,
    expires_at INTEGER,
    deadline_at INTEGER,
    wake_at INTEGER,
    last_error TEXT,
    cancel_requested INTEGER NOT NULL,
    worker_id TEXT,
    claim_id TEXT,
    progress TEXT,
    result_id TEXT,
    outcome TEXT,
    outputs TEXT,
    mark TEXT,
    labels TEXT,
    key_hash TEXT,
    body_hash TEXT,
    ended_at INTEGER,
    removed_at INTEGER,
    PRIMARY KEY (request_id, attempt)
  ) STRICT;
  CREATE INDEX IF NOT EXISTS executions_by_id ON executions (id);
  CREATE INDEX IF NOT EXISTS executions_by_status ON executions (status, id);
  CREATE INDEX IF NOT EXISTS executions_by_processor ON executions (processor, id);
  CREATE TABLE IF NOT EXISTS execution_labels (
    label TEXT NOT NULL,
    id TEXT NOT NULL,
    PRIMARY KEY (label, id)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS claimable_executions ON executions (processor, request_id, attempt)
    WHERE status = 'queued' AND start_after IS NULL;
  CREATE INDEX IF NOT EXISTS scheduled_executions ON executions (processor)
    WHERE status = 'queued' AND start_after IS NOT NULL;
  CREATE INDEX IF NOT EXISTS waiting_executions ON executions (wake_at) WHERE wake_at IS NOT NULL;
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
    given_up INTEGER NOT NULL,
    name TEXT,
    "group" TEXT,
    processors TEXT NOT NULL,
    seen_at INTEGER
  ) STRICT;

  CREATE TABLE IF NOT EXISTS processors (
    name TEXT PRIMARY KEY NOT NULL,
    announcement TEXT NOT NULL,
    input TEXT,
    bytes INTEGER NOT NULL,
    announced_at INTEGER NOT NULL,
    withdrawn_at INTEGER
  ) STRICT;

  CREATE TABLE IF NOT EXISTS logs (
    request_id TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    execution_id TEXT NOT NULL,
    text TEXT NOT NULL,
    total INTEGER NOT NULL,
    written_at INTEGER NOT NULL,
    PRIMARY KEY (request_id, attempt, epoch, sequence)
  ) STRICT;
  CREATE INDEX IF NOT EXISTS oldest_logs ON logs (written_at);

  CREATE TABLE IF NOT EXISTS idempotency_keys (
    hash TEXT PRIMARY KEY NOT NULL,
    request_id TEXT NOT NULL,
    execution_id TEXT,
    body_hash TEXT NOT NULL,
    at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS oldest_idempotency_keys ON idempotency_keys (at);
  CREATE TABLE IF NOT EXISTS webhooks (
    id TEXT PRIMARY KEY NOT NULL,
    definition TEXT NOT NULL,
    secret TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    paused_at INTEGER,
    disabled_at INTEGER,
    disabled_reason TEXT,
    previous_secret TEXT,
    previous_until INTEGER
  ) STRICT;

  CREATE TABLE IF NOT EXISTS schedules (
    id TEXT PRIMARY KEY NOT NULL,
    name TEXT,
    owner TEXT,
    cron TEXT NOT NULL,
    time_zone TEXT NOT NULL,
    missed TEXT NOT NULL,
    processor TEXT,
    labels TEXT,
    creation_date TEXT NOT NULL,
    next_at INTEGER,
    paused_from INTEGER,
    last_at INTEGER,
    last_error TEXT,
    payload_json TEXT NOT NULL
  ) STRICT;
  CREATE INDEX IF NOT EXISTS due_schedules ON schedules (next_at) WHERE next_at IS NOT NULL;
`;

/** The columns of an execution except its outputs, which are large and rarely needed. */
export const executionColumns = `request_id, attempt, id, force_error, creation_date, traceparent, status, epoch, lost,
  processor, tries, timeout_seconds, start_after, expires_at, deadline_at, wake_at, last_error, cancel_requested,
  worker_id, claim_id, progress, outcome, mark, labels, key_hash, body_hash, ended_at, removed_at`;

/** A record as SQLite holds it: without booleans and absent fields. */
export type Row<T> = { [K in keyof T]-?: Column<T[K]> };
type Column<V> = V extends boolean ? number : V extends undefined ? null : V;

type RequestTexts = "labels" | "start";
export type RequestRow = Row<Omit<RequestRecord, "payload_json" | RequestTexts>> & { payload: string } & {
  [name in RequestTexts]: string | null;
};
export type ExecutionRow = Row<Omit<Execution, Texts>> & { [name in Texts]: string | null } & {
  outputs?: string | null;
};
/** JSON text. */
type Texts = "outcome" | "progress" | "last_error" | "labels";

const flags = new Set(["force_error", "cancel_requested", "given_up"]);

export function recordOf<T extends object>(row: Row<T>): T {
  const record: Partial<Record<string, unknown>> = {};
  for (const name in row) {
    if (row[name] !== null) record[name] = flags.has(name) ? Boolean(row[name]) : row[name];
  }
  return record as T;
}

export function requestOf({ payload, labels, start, ...row }: RequestRow): RequestRecord {
  const rest = recordOf<Omit<RequestRecord, "payload_json" | RequestTexts>>(row);
  return { ...rest, payload_json: payload, ...parsed({ labels, start }) };
}

export function executionOf(row: ExecutionRow): Execution {
  const { outcome, outputs, progress, last_error, labels, ...rest } = row;
  const texts = parsed({ progress, last_error, labels });
  const execution = { ...recordOf<Omit<Execution, Texts>>(rest), ...texts };
  return outcome === null ? execution : { ...execution, outcome: joinedOutcome(outcome, outputs) };
}
