import type { Database } from "bun:sqlite";
import { type ExecutionKey, outcomeMark, type SqliteFile } from "@sate/contracts";
import { unconfirmedMark } from "../../executions/execution.ts";
import type { Marked, Refusal, RefusalKey, Starting, Store } from "../../ports.ts";
import { takeWithin } from "../../requests/take-within-bytes.ts";
import { splitOutcome, textOf } from "../stored.ts";
import { all, change, insertInto, one, type SqliteAccess, sqliteAccess } from "./access.ts";
import { deleteLabels, insertExecutionLabels, insertRequestLabels, sqliteFinding } from "./finding.ts";
import { sqliteKeys } from "./keys.ts";
import { sqliteLogs } from "./logs.ts";
import { sqliteProcessors } from "./processors.ts";
import { sqliteRemovals } from "./removals.ts";
import { atRef, sqliteRuns } from "./runs.ts";
import { sqliteSchedules } from "./schedules.ts";
import {
  type ExecutionRow,
  executionColumns,
  executionOf,
  type RequestRow,
  type Row,
  recordOf,
  requestOf,
  schema,
} from "./schema.ts";
import { sqliteWaiting } from "./waiting.ts";
import { sqliteWebhooks } from "./webhooks.ts";
import { sqliteWorkers } from "./workers.ts";

/**
 * A `Store` on SQLite. It does not own the file: closing the store closes nothing else. `clock`: wall clock, epoch ms;
 * the database has none of its own.
 */
export function sqliteStore(file: SqliteFile, clock: () => number = Date.now): Store {
  const access = sqliteAccess(file);
  const now = () => Math.floor(clock());
  return {
    requests: sqliteRequests(access, now),
    executions: sqliteExecutions(access, now),
    finding: sqliteFinding(access),
    runs: sqliteRuns(access, now),
    waiting: sqliteWaiting(access, now),
    refusals: sqliteRefusals(access),
    workers: sqliteWorkers(access, now),
    processors: sqliteProcessors(access, now),
    logs: sqliteLogs(access, now),
    keys: sqliteKeys(access, now),
    webhooks: sqliteWebhooks(access, now),
    schedules: sqliteSchedules(access),
    removals: sqliteRemovals(access, now),
    outbox: sqliteOutbox(access),
    confirmations: sqliteConfirmations(access),
    open: access.read((db) => void db.run(schema)),
    ping: access.read((db) => void db.query("SELECT 1").get()),
    now,
    close: async () => access.close(),
  };
}

function sqliteRequests({ read, writeEach, changeEach }: SqliteAccess, now: () => number): Store["requests"] {
  const insert = insertInto("requests", "id, payload, processor, creation_date, labels, start");
  const byId = "SELECT * FROM requests WHERE id = $id";
  const get = read((db, ids: string[]) => {
    const rows = ids.flatMap((id) => one<RequestRow>(db, byId, { id }) ?? []);
    return new Map(rows.map((row) => [row.id, requestOf(row)]));
  });
  /** Each is read when it is asked for. */
  const inOrder = (db: Database, ids: string[]) =>
    new Set(ids)
      .values()
      .flatMap((id) => all<RequestRow>(db, byId, { id }))
      .map(requestOf);
  return {
    insert: writeEach((db, request) => {
      const { id, payload_json: payload, processor, creation_date } = request;
      const [labels, start] = [textOf(request.labels), textOf(request.start)];
      const isFree = change(db, insert, { id, payload, processor, creation_date, labels, start }) === 1;
      if (isFree) insertRequestLabels(db, request);
      return isFree ? request : requestOf(one(db, byId, { id: request.id }) as RequestRow);
    }),
    get,
    current: get,
    removedOf: read((db, ids) => {
      const sql = "SELECT 1 FROM requests WHERE id = $id AND removed_at IS NOT NULL";
      return new Set(ids.filter((id) => one(db, sql, { id }) !== null));
    }),
    remove: changeEach((db, id: string) => {
      const { labels } =
        one<{ labels: string | null }>(db, "SELECT labels FROM requests WHERE id = $id", { id }) ?? {};
      deleteLabels(db, "request_labels", { id, labels });
      const sql = `UPDATE requests SET payload = '', labels = NULL, start = NULL, removed_at = $removed_at
                   WHERE id = $id AND removed_at IS NULL`;
      change(db, sql, { id, removed_at: now() });
    }),
    getWithin: read((db, ids, bytesMax) => takeWithin(inOrder(db, ids.toSorted()), bytesMax)),
    newest: read((db, ids, bytesMax) => takeWithin(inOrder(db, ids.toSorted().toReversed()), bytesMax)),
    starting: read((db, { after, limit }) => {
      const sql = `SELECT id AS request_id, start ->> 'execution_id' AS execution_id FROM requests
                   WHERE start IS NOT NULL AND id > $after ORDER BY id LIMIT $limit`;
      return all<Starting>(db, sql, { after: after?.request_id ?? "", limit });
    }),
    clearStarts: changeEach((db, starting: Starting) => {
      const sql = `UPDATE requests SET start = NULL
                   WHERE id = $request_id AND start ->> 'execution_id' = $execution_id`;
      change(db, sql, starting);
    }),
  };
}

function sqliteExecutions(
  { read, write, writeEach, changeEach }: SqliteAccess,
  now: () => number,
): Store["executions"] {
  const requestCancel = `UPDATE executions SET cancel_requested = 1 WHERE ${atRef} AND status = 'running'`;
  const select = `SELECT ${executionColumns} FROM executions WHERE request_id = $request_id`;
  const never = { traceparent: null, timeout_seconds: null, start_after: null, expires_at: null };
  const noKey = { key_hash: null, body_hash: null };
  const absent = { ...never, ...noKey, deadline_at: null, wake_at: null, mark: null, removed_at: null };
  const insert = insertInto(
    "executions",
    `request_id, attempt, id, force_error, creation_date, traceparent, status, epoch, lost, processor, tries,
     timeout_seconds, start_after, expires_at, deadline_at, wake_at, cancel_requested, mark, labels, key_hash,
     body_hash, removed_at`,
  );
  return {
    ofRequests: read((db, requestIds) => {
      const sql = `${select} ORDER BY attempt`;
      const of = (request_id: string) => all<ExecutionRow>(db, sql, { request_id }).map(executionOf);
      return new Map(requestIds.map((id) => [id, of(id)]));
    }),
    insert: writeEach((db, { outcome: _, progress: __, last_error: ___, labels, ...execution }) => {
      const isFree = change(db, insert, { ...absent, ...execution, labels: textOf(labels) }) === 1;
      if (isFree) insertExecutionLabels(db, { id: execution.id, labels });
      return isFree;
    }),
    get: read((db, keys) => {
      const sql = `${select} AND attempt = $attempt`;
      return keys.flatMap((key) => one<ExecutionRow>(db, sql, key) ?? []).map(executionOf);
    }),
    list: read((db, page) => {
      const sql = `${select} AND attempt > $after_attempt ORDER BY attempt LIMIT $limit`;
      return all<ExecutionRow>(db, sql, page).map(executionOf);
    }),
    cancel: write((db, ref, outcome) => {
      const { status, result_id } = outcome;
      const changed = change(
        db,
        `UPDATE executions
         SET status = $status, result_id = $result_id, outcome = $text, mark = '${outcomeMark}',
           start_after = NULL, wake_at = NULL, ended_at = $ended_at
         WHERE ${atRef} AND status = 'queued' AND +tries = $tries`,
        { ...ref, status, result_id, text: splitOutcome(outcome).text, ended_at: now() },
      );
      if (changed === 1) return;
      change(db, requestCancel, ref);
    }),
    requestCancel: changeEach((db, ref) => change(db, requestCancel, ref)),
  };
}

function sqliteRefusals({ read, changeEach }: SqliteAccess): Store["refusals"] {
  const insert = insertInto(
    "refusals",
    "request_id, id, force_error, creation_date, traceparent, failures, max_failures",
  );
  return {
    insert: changeEach((db, refusal: Refusal) => change(db, insert, { traceparent: null, ...refusal })),
    list: read((db, { after, limit }) => {
      const sql = `SELECT * FROM refusals WHERE (request_id, id) > ($request_id, $id)
                   ORDER BY request_id, id LIMIT $limit`;
      const values = { request_id: "", id: "", ...after, limit };
      return all<Row<Refusal>>(db, sql, values).map(recordOf<Refusal>);
    }),
    remove: changeEach((db, { request_id, id }: RefusalKey) =>
      change(db, "DELETE FROM refusals WHERE request_id = $request_id AND id = $id", { request_id, id }),
    ),
  };
}

/** Replaces exactly this mark; a newer one on the same execution stays. */
const replaceMark =
  "UPDATE executions SET mark = $next WHERE request_id = $request_id AND attempt = $attempt AND +mark = $mark";

/** Sorts above every mark. */
const afterAllMarks = "~";

function sqliteOutbox({ read, changeEach }: SqliteAccess): Store["outbox"] {
  return {
    marked: read((db, { after, limit }) => {
      const sql = `SELECT request_id, attempt, mark FROM executions
                   WHERE mark > '${unconfirmedMark}'
                     AND (mark < $mark OR (mark = $mark AND (request_id, attempt) > ($request_id, $attempt)))
                   ORDER BY mark DESC, request_id, attempt LIMIT $limit`;
      return all<Marked>(db, sql, { mark: afterAllMarks, request_id: "", attempt: 0, ...after, limit });
    }),
    stillMarked: read((db, marked) => {
      const sql = `SELECT ${executionColumns}, outputs FROM executions
                   WHERE request_id = $request_id AND attempt = $attempt AND +mark = $mark`;
      return marked.flatMap((key) => one<ExecutionRow>(db, sql, key) ?? []).map(executionOf);
    }),
    clear: changeEach((db, marked: Marked) => {
      const next = marked.mark === outcomeMark ? unconfirmedMark : null;
      change(db, replaceMark, { ...marked, next });
    }),
  };
}

function sqliteConfirmations({ read, changeEach }: SqliteAccess): Store["confirmations"] {
  const become = (next: string | null) =>
    changeEach((db, { request_id, attempt }: ExecutionKey) =>
      change(db, replaceMark, { request_id, attempt, mark: unconfirmedMark, next }),
    );
  return {
    unconfirmed: read((db, { after, limit }) => {
      const sql = `SELECT request_id, attempt FROM executions
                   WHERE mark = $mark AND (request_id, attempt) > ($request_id, $attempt)
                   ORDER BY request_id, attempt LIMIT $limit`;
      const values = { request_id: "", attempt: 0, ...after, mark: unconfirmedMark, limit };
      return all<ExecutionKey>(db, sql, values);
    }),
    confirm: become(null),
    publishAgain: become(outcomeMark),
  };
}
