import { type ExecutionKey, outcomeMark } from "@sate/contracts";
import { unconfirmedMark } from "../../executions/execution.ts";
import type { Marked, Store } from "../../ports.ts";
import { openWithin, takeWithin } from "../../requests/take-within-bytes.ts";
import { splitOutcome } from "../outcome-columns.ts";
import { type SqliteAccess, type SqliteFile, sqliteAccess } from "./access.ts";
import { sqliteRefusals } from "./refusals.ts";
import { sqliteRuns } from "./runs.ts";
import {
  type ExecutionRow,
  executionColumns,
  executionOf,
  type RequestRow,
  requestOf,
  schema,
  type WorkerRow,
  workerOf,
} from "./schema.ts";

/** A `Store` on SQLite. It does not own the file: closing the store closes nothing else. */
export function sqliteStore(file: SqliteFile): Store {
  const access = sqliteAccess(file);
  return {
    requests: sqliteRequests(access),
    executions: sqliteExecutions(access),
    runs: sqliteRuns(access),
    refusals: sqliteRefusals(access),
    workers: sqliteWorkers(access),
    outbox: sqliteOutbox(access),
    confirmations: sqliteConfirmations(access),
    open: access.read((db) => void db.run(schema)),
    ping: access.read((db) => void db.query("SELECT 1").get()),
    close: async () => access.close(),
  };
}

const requestById = "SELECT * FROM requests WHERE id = ?";

function sqliteRequests({ read, writeEach }: SqliteAccess): Store["requests"] {
  return {
    insert: writeEach((db) => {
      const insert = db.query(
        "INSERT INTO requests (id, payload, processor, creation_date) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
      );
      const select = db.query<RequestRow, [string]>(requestById);
      return (request) => {
        const { id, payload_json, processor = null, creation_date } = request;
        const { changes } = insert.run(id, payload_json, processor, creation_date);
        return changes === 1 ? request : requestOf(select.get(id) as RequestRow);
      };
    }),
    get: read((db, ids) => {
      const select = db.query<RequestRow, [string]>(requestById);
      const rows = ids.flatMap((id) => select.get(id) ?? []);
      return new Map(rows.map((row) => [row.id, requestOf(row)]));
    }),
    getWithin: read((db, ids, bytesMax) => {
      const select = db.query<RequestRow, [string]>(requestById);
      const inOrder = new Set(ids.toSorted()).values();
      return takeWithin(inOrder.flatMap((id) => select.all(id)).map(requestOf), bytesMax);
    }),
    list: read((db, { limit, bytesMax, before }) => {
      const within = openWithin(bytesMax, limit);
      const rows = db
        .query<RequestRow, [string, number]>("SELECT * FROM requests WHERE id < ? ORDER BY id DESC LIMIT ?")
        .iterate(before ?? "~", limit + 1);
      for (const row of rows) if (!within.take(requestOf(row))) break;
      return within.read();
    }),
  };
}

function sqliteExecutions({ read, write, writeEach }: SqliteAccess): Store["executions"] {
  return {
    ofRequests: read((db, requestIds) => {
      const select = db.query<ExecutionRow, [string]>(
        `SELECT ${executionColumns} FROM executions WHERE request_id = ? ORDER BY attempt`,
      );
      return new Map(requestIds.map((id) => [id, select.all(id).map(executionOf)]));
    }),
    insert: writeEach((db) => {
      const insert = db.query(
        `INSERT INTO executions (request_id, attempt, id, force_error, creation_date, traceparent, status, epoch, lost, cancel_requested, mark)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
      );
      return (execution) => {
        const { request_id, attempt, id, force_error, creation_date, status, epoch, lost } = execution;
        const { traceparent = null, cancel_requested, mark = null } = execution;
        const key = [request_id, attempt, id, force_error, creation_date] as const;
        return insert.run(...key, traceparent, status, epoch, lost, cancel_requested, mark).changes === 1;
      };
    }),
    get: read((db, keys) => {
      const select = db.query<ExecutionRow, [string, number]>(
        `SELECT ${executionColumns} FROM executions WHERE request_id = ? AND attempt = ?`,
      );
      return keys
        .flatMap(({ request_id, attempt }) => select.get(request_id, attempt) ?? [])
        .map(executionOf);
    }),
    list: read((db, { request_id, after_attempt, limit }) => {
      const rows = db
        .query<ExecutionRow, [string, number, number]>(
          `SELECT ${executionColumns} FROM executions WHERE request_id = ? AND attempt > ? ORDER BY attempt LIMIT ?`,
        )
        .all(request_id, after_attempt, limit);
      return rows.map(executionOf);
    }),
    cancel: write((db, { request_id, attempt, execution_id }, outcome) => {
      const key = [request_id, attempt, execution_id] as const;
      const { changes } = db
        .query(
          `UPDATE executions SET status = ?, result_id = ?, outcome = ?, mark = ?
           WHERE request_id = ? AND attempt = ? AND +id = ? AND status = 'queued'`,
        )
        .run(outcome.status, outcome.result_id, splitOutcome(outcome).text, outcomeMark, ...key);
      if (changes === 1) return;
      db.query(
        `UPDATE executions SET cancel_requested = 1
         WHERE request_id = ? AND attempt = ? AND +id = ? AND status = 'running'`,
      ).run(...key);
    }),
  };
}

const workerById = "SELECT * FROM workers WHERE id = ?";

function sqliteWorkers({ read, write, writeEach }: SqliteAccess): Store["workers"] {
  const forgetEach = writeEach((db) => {
    const remove = db.query("DELETE FROM workers WHERE id = ? AND given_up = 1");
    return (id: string) => remove.run(id);
  });
  return {
    register: write((db, id) => {
      db.query("INSERT INTO workers (id, beats, given_up) VALUES (?, 0, 0) ON CONFLICT DO NOTHING").run(id);
    }),
    beat: write((db, id) => {
      const update = db.query("UPDATE workers SET beats = beats + 1 WHERE id = ? AND given_up = 0");
      return update.run(id).changes === 1;
    }),
    get: read((db, ids) => {
      const select = db.query<WorkerRow, [string]>(workerById);
      return ids.flatMap((id) => select.get(id) ?? []).map(workerOf);
    }),
    list: read((db, { after, limit }) => {
      const rows = db
        .query<WorkerRow, [string, number]>("SELECT * FROM workers WHERE id > ? ORDER BY id LIMIT ?")
        .all(after ?? "", limit);
      return rows.map(workerOf);
    }),
    expire: write((db, id, beats) => {
      const row = db.query<WorkerRow, [string]>(workerById).get(id);
      if (row === null || row.given_up === 1) return true;
      if (beats !== undefined && row.beats !== beats) return false;
      db.query("UPDATE workers SET given_up = 1 WHERE id = ?").run(id);
      return true;
    }),
    forget: async (ids) => void (await forgetEach(ids)),
  };
}

const replaceMark = "UPDATE executions SET mark = ? WHERE request_id = ? AND attempt = ? AND +mark = ?";

/** Sorts above every mark. */
const afterAllMarks = "~";

function sqliteOutbox({ read, writeEach }: SqliteAccess): Store["outbox"] {
  const clearEach = writeEach((db) => {
    const update = db.query(replaceMark);
    return ({ request_id, attempt, mark }: Marked) =>
      update.run(mark === outcomeMark ? unconfirmedMark : null, request_id, attempt, mark);
  });
  return {
    marked: read((db, { after, limit }) => {
      const { mark = afterAllMarks, request_id = "", attempt = 0 } = after ?? {};
      return db
        .query<Marked, [string, string, number, number, string]>(
          `SELECT request_id, attempt, mark FROM executions
           WHERE mark > ?5 AND (mark < ?1 OR (mark = ?1 AND (request_id, attempt) > (?2, ?3)))
           ORDER BY mark DESC, request_id, attempt LIMIT ?4`,
        )
        .all(mark, request_id, attempt, limit, unconfirmedMark);
    }),
    stillMarked: read((db, marked) => {
      const select = db.query<ExecutionRow, [string, number, string]>(
        `SELECT ${executionColumns}, outputs FROM executions WHERE request_id = ? AND attempt = ? AND +mark = ?`,
      );
      return marked
        .flatMap(({ request_id, attempt, mark }) => select.get(request_id, attempt, mark) ?? [])
        .map(executionOf);
    }),
    clear: async (published) => void (await clearEach(published)),
  };
}

function sqliteConfirmations({ read, writeEach }: SqliteAccess): Store["confirmations"] {
  const replaceEach = writeEach((db, mark: string | null) => {
    const update = db.query(replaceMark);
    return ({ request_id, attempt }: ExecutionKey) => update.run(mark, request_id, attempt, unconfirmedMark);
  });
  return {
    unconfirmed: read((db, { after, limit }) => {
      return db
        .query<ExecutionKey, [string, string, number, number]>(
          `SELECT request_id, attempt FROM executions
           WHERE mark = ? AND (request_id, attempt) > (?, ?) ORDER BY request_id, attempt LIMIT ?`,
        )
        .all(unconfirmedMark, after?.request_id ?? "", after?.attempt ?? 0, limit);
    }),
    confirm: async (recorded) => void (await replaceEach(recorded, null)),
    publishAgain: async (missing) => void (await replaceEach(missing, outcomeMark)),
  };
}
