import { type ExecutionRef, executionMark, outcomeMark } from "@sate/contracts";
import type { Execution } from "../../executions/execution.ts";
import type { Claim, Runs } from "../../ports.ts";
import { claimResult, splitOutcome } from "../stored.ts";
import { all, change, one, type SqliteAccess } from "./access.ts";
import { type ExecutionRow, executionColumns, executionOf } from "./schema.ts";

/** The execution that a reference names. */
export const atRef = "request_id = $request_id AND attempt = $attempt AND +id = $execution_id";
/** An execution that is still running with this epoch. */
const atRun = `${atRef} AND status = 'running' AND +epoch = $epoch`;

const byRef = `SELECT ${executionColumns} FROM executions WHERE ${atRef}`;
const setRunning = `
  UPDATE executions
  SET status = 'running', epoch = epoch + 1, worker_id = $worker_id, claim_id = $claim_id, cancel_requested = 0, mark = NULL
  WHERE ${atRef} AND status = 'queued'`;
const setEnded = `
  UPDATE executions
  SET status = $status, result_id = $result_id, outcome = $text, outputs = $outputs, mark = '${outcomeMark}',
    lost = coalesce($lost, lost), worker_id = NULL, claim_id = NULL
  WHERE ${atRun}`;
const setQueued = `
  UPDATE executions SET status = 'queued', mark = $mark, lost = lost + $isLost, worker_id = NULL, claim_id = NULL
  WHERE ${atRun} AND cancel_requested = 0`;

export function sqliteRuns({ read, write, writeEach }: SqliteAccess): Runs {
  const claimAll = write((db, claim: Claim, refs: ExecutionRef[]) => {
    const found = new Map<string, Execution>();
    for (const ref of refs) {
      change(db, setRunning, { ...claim, ...ref });
      const row = one<ExecutionRow>(db, byRef, ref);
      if (row) found.set(row.id, executionOf(row));
    }
    return claimResult(claim, [...found.values()]);
  });

  return {
    claim: async (claim, refs) => (refs.length === 0 ? { held: [], refused: 0 } : claimAll(claim, refs)),
    queued: read((db, limit) => {
      const sql = `SELECT request_id, attempt, id AS execution_id FROM executions
                   WHERE status = 'queued' ORDER BY request_id, attempt LIMIT $limit`;
      return all<ExecutionRef>(db, sql, { limit });
    }),
    finish: writeEach((db, { outcome, lost = null, ...run }) => {
      const { status, result_id } = outcome;
      const changed = change(db, setEnded, { ...run, ...splitOutcome(outcome), status, result_id, lost });
      if (changed === 1) return "stored";
      const sql = `SELECT result_id FROM executions WHERE ${atRef}`;
      const row = one<{ result_id: string | null }>(db, sql, run);
      if (!row) return "unknown";
      return row.result_id === result_id ? "stored" : "refused";
    }),
    requeue: writeEach((db, run, isLost) => {
      const changed = change(db, setQueued, { ...run, mark: executionMark(run.epoch), isLost });
      if (changed === 1) return true;
      const sql = `SELECT 1 FROM executions WHERE ${atRef} AND status = 'queued' AND +epoch = $epoch`;
      return one(db, sql, run) !== null;
    }),
    running: read((db, { worker_id = null, claim_id = null, after, limit }) => {
      const sql = `SELECT ${executionColumns} FROM executions
                   WHERE status = 'running' AND (request_id, attempt) > ($request_id, $attempt)
                     AND ($worker_id IS NULL OR worker_id = $worker_id) AND ($claim_id IS NULL OR claim_id = $claim_id)
                   ORDER BY request_id, attempt LIMIT $limit`;
      const values = { request_id: "", attempt: 0, ...after, worker_id, claim_id, limit };
      return all<ExecutionRow>(db, sql, values).map(executionOf);
    }),
  };
}
