import type { ExecutionStatus, RequestRecord } from "@sate/contracts";
import type { Execution } from "../../executions/execution.ts";
import type { Worker } from "../../ports.ts";
import { joinedOutcome } from "../outcome-columns.ts";

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

export type RequestRow = { id: string; payload: string; processor: string | null; creation_date: string };

export type ExecutionRow = {
  request_id: string;
  attempt: number;
  id: string;
  force_error: number;
  creation_date: string;
  traceparent: string | null;
  status: ExecutionStatus;
  epoch: number;
  lost: number;
  cancel_requested: number;
  worker_id: string | null;
  claim_id: string | null;
  outcome: string | null;
  outputs?: string | null;
  mark: string | null;
};

export type WorkerRow = { id: string; beats: number; given_up: number };

export function requestOf({ id, payload, processor, creation_date }: RequestRow): RequestRecord {
  return { id, payload_json: payload, ...(processor !== null && { processor }), creation_date };
}

export function executionOf(row: ExecutionRow): Execution {
  const { request_id, attempt, id, creation_date, status, epoch, lost } = row;
  return {
    ...{ request_id, attempt, id, creation_date, status, epoch, lost },
    force_error: row.force_error === 1,
    cancel_requested: row.cancel_requested === 1,
    traceparent: row.traceparent ?? undefined,
    worker_id: row.worker_id ?? undefined,
    claim_id: row.claim_id ?? undefined,
    outcome: row.outcome === null ? undefined : joinedOutcome(row.outcome, row.outputs),
    mark: row.mark ?? undefined,
  };
}

export function workerOf({ given_up, ...worker }: WorkerRow): Worker {
  return { ...worker, given_up: given_up === 1 };
}
