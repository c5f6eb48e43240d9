import type { ExecutionKey } from "@sate/contracts";
import { removalMarks } from "../../executions/execution.ts";
import type { Marked } from "../../ports.ts";
import type { OldRequest, Removals } from "../../removals/port.ts";
import { all, change, one, type SqliteAccess } from "./access.ts";
import { deleteLabels } from "./finding.ts";
import { type ExecutionRow, executionColumns, executionOf } from "./schema.ts";

const atKey = "request_id = $request_id AND attempt = $attempt";
const setEmpty = `
  UPDATE executions
  SET removed_at = $removed_at, tries = $tries, outcome = NULL, outputs = NULL, result_id = NULL, last_error = NULL,
    progress = NULL, labels = NULL, traceparent = NULL, timeout_seconds = NULL, start_after = NULL, expires_at = NULL,
    deadline_at = NULL
  WHERE ${atKey} AND status IN ('succeeded', 'failed', 'dead_lettered', 'cancelled') AND mark IS NULL
    AND removed_at IS NULL`;
const labelsOf = `SELECT id, labels FROM executions WHERE ${atKey} AND labels IS NOT NULL`;
const setStatus = `UPDATE executions SET status = $status WHERE ${atKey} AND removed_at IS NOT NULL`;
const deleteLogs = `
  DELETE FROM logs WHERE rowid IN (SELECT rowid FROM logs WHERE ${atKey} LIMIT $limit)`;
/** Only what is no stub is in them. */
const indexes = `
  CREATE INDEX IF NOT EXISTS kept_requests ON requests (id) WHERE removed_at IS NULL;
  CREATE INDEX IF NOT EXISTS kept_executions ON executions (request_id, attempt) WHERE removed_at IS NULL;
`;

export function sqliteRemovals({ read, write, changeEach }: SqliteAccess, now: () => number): Removals {
  return {
    marked: read((db, { after, limit }) => {
      const marks = Object.values(removalMarks).map((mark) => `'${mark}'`);
      const sql = `SELECT request_id, attempt, mark FROM executions
                   WHERE mark IN (${marks}) AND (request_id, attempt) > ($request_id, $attempt)
                   ORDER BY request_id, attempt LIMIT $limit`;
      return all<Marked>(db, sql, { request_id: "", attempt: 0, ...after, limit });
    }),
    setMark: write((db, removals, next = undefined) => {
      const sql = `UPDATE executions SET mark = $next WHERE ${atKey} AND +mark = $mark`;
      for (const { request_id, attempt, mark } of removals) {
        change(db, sql, { request_id, attempt, mark, next: next ?? null });
      }
    }),
    empty: write((db, executions, status = undefined) => {
      for (const { request_id, attempt, tries } of executions) {
        const labelled = one<{ id: string; labels: string | null }>(db, labelsOf, { request_id, attempt });
        const isEmptied = change(db, setEmpty, { request_id, attempt, tries, removed_at: now() }) === 1;
        if (labelled && isEmptied) deleteLabels(db, "execution_labels", labelled);
        if (status) change(db, setStatus, { request_id, attempt, status });
      }
    }),
    removeLogs: write((db, executions: ExecutionKey[], limit: number) => {
      let removed = 0;
      for (const { request_id, attempt } of executions) {
        if (removed < limit)
          removed += change(db, deleteLogs, { request_id, attempt, limit: limit - removed });
      }
      return removed;
    }),
    removeRefusals: changeEach((db, request_id: string) => {
      change(db, "DELETE FROM refusals WHERE request_id = $request_id", { request_id });
    }),
    prepare: write((db) => void db.run(indexes)),
    oldRequests: read((db, { until, after = "", limit }) => {
      const sql = `SELECT id, start FROM requests INDEXED BY kept_requests
                   WHERE removed_at IS NULL AND id > $after AND id < $until ORDER BY id LIMIT $limit`;
      const rows = all<{ id: string; start: string | null }>(db, sql, { after, until, limit });
      return rows.map(
        ({ id, start }): OldRequest => (start === null ? { id } : { id, start: JSON.parse(start) }),
      );
    }),
    oldExecutions: read((db, { until, after, limit }) => {
      const sql = `SELECT ${executionColumns} FROM executions INDEXED BY kept_executions
                   WHERE removed_at IS NULL AND (request_id, attempt) > ($request_id, $attempt) AND request_id < $until
                   ORDER BY request_id, attempt LIMIT $limit`;
      const values = { request_id: "", attempt: 0, ...after, until, limit };
      return all<ExecutionRow>(db, sql, values).map(executionOf);
    }),
  };
}
