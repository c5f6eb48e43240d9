import type { Database } from "bun:sqlite";
import { type Claimable, type ExecutionRef, executionMark, type Outcome, outcomeMark } from "@sate/contracts";
import type { Execution } from "../../executions/execution.ts";
import type { Claim, Runs } from "../../ports.ts";
import { claimedBy } from "../../runs/claim.ts";
import { claimResult, splitOutcome } from "../stored.ts";
import { all, change, one, type SqliteAccess } from "./access.ts";
import { type ExecutionRow, executionColumns, executionOf } from "./schema.ts";

/** The execution that a reference names. */
export const atRef = "request_id = $request_id AND attempt = $attempt AND +id = $execution_id";
/** An execution that is still running with this epoch. */
export const atRun = `${atRef} AND status = 'running' AND +epoch = $epoch`;

const byRef = `SELECT ${executionColumns} FROM executions WHERE ${atRef}`;
const setRunning = `
  UPDATE executions
  SET status = 'running', epoch = $epoch, worker_id = $worker_id, claim_id = $claim_id, cancel_requested = 0,
    deadline_at = $deadline_at, wake_at = NULL, mark = NULL
  WHERE request_id = $request_id AND attempt = $attempt`;
const notRunning = "worker_id = NULL, claim_id = NULL, progress = NULL";
const setEnded = `
  UPDATE executions
  SET status = $status, result_id = $result_id, outcome = $text, outputs = $outputs, mark = '${outcomeMark}',
    lost = coalesce($lost, lost), ended_at = $ended_at, ${notRunning}
  WHERE ${atRun}`;
const setQueued = `
  UPDATE executions
  SET status = 'queued', mark = $mark, wake_at = $deadline_at, lost = lost + $isLost, ${notRunning}
  WHERE ${atRun} AND cancel_requested = 0`;
const setWaiting = `
  UPDATE executions
  SET status = 'queued', start_after = $start_after, wake_at = $wake_at, tries = tries + 1, last_error = $error,
    ${notRunning}
  WHERE ${atRun} AND cancel_requested = 0`;
const findQueued = `
  SELECT 1 FROM executions WHERE ${atRef} AND status = 'queued' AND +epoch = $epoch`;

// Named, because SQLite would take the index of all statuses, and sort.
const firstQueued = (where: string) => `
  SELECT request_id, attempt, id AS execution_id FROM executions INDEXED BY claimable_executions
  WHERE status = 'queued' AND start_after IS NULL ${where} ORDER BY processor, request_id, attempt LIMIT $limit`;
const firstOfAll = firstQueued("");
const firstOfOne = firstQueued("AND processor = $processor");

/** How an execution ended that did not take this outcome just now. */
export function endOf(
  db: Database,
  ref: ExecutionRef,
  { result_id }: Outcome,
): "stored" | "refused" | "unknown" {
  const sql = `SELECT result_id FROM executions WHERE ${atRef}`;
  const row = one<{ result_id: string | null }>(db, sql, ref);
  if (!row) return "unknown";
  return row.result_id === result_id ? "stored" : "refused";
}

export function sqliteRuns({ read, write, writeEach }: SqliteAccess, now: () => number): Runs {
  /** Nothing can change between what is read and what is written. */
  const claimAll = write((db, claim: Claim, refs: ExecutionRef[], processors: Claimable[] | undefined) => {
    const found = new Map<string, Execution>();
    const context = { processors, now: now() };
    for (const ref of refs) {
      const row = one<ExecutionRow>(db, byRef, ref);
      if (!row) continue;
      const execution = executionOf(row);
      const claimed = claimedBy(claim, execution, context);
      if (claimed) {
        const { request_id, attempt, epoch, deadline_at } = claimed;
        change(db, setRunning, { ...claim, request_id, attempt, epoch, deadline_at });
      }
      found.set(row.id, claimed ?? execution);
    }
    return claimResult(claim, [...found.values()]);
  });

  return {
    claim: async (claim, refs, processors) =>
      refs.length === 0 ? { held: [], refused: 0 } : claimAll(claim, refs, processors),
    queued: read((db, wanted) =>
      wanted.map((one) => all<ExecutionRef>(db, one.processor ? firstOfOne : firstOfAll, one)),
    ),
    finish: writeEach((db, { outcome, lost = null, ...run }) => {
      const { status, result_id } = outcome;
      const ended = { status, result_id, lost, ended_at: now() };
      const changed = change(db, setEnded, { ...run, ...splitOutcome(outcome), ...ended });
      return changed === 1 ? "stored" : endOf(db, run, outcome);
    }),
    requeue: writeEach((db, { deadline_at = null, ...run }, isLost) => {
      const values = { ...run, deadline_at, mark: executionMark(run.epoch), isLost };
      return change(db, setQueued, values) === 1 || one(db, findQueued, run) !== null;
    }),
    retryLater: writeEach((db, { last_error, ...run }) => {
      const values = { ...run, error: JSON.stringify(last_error) };
      return change(db, setWaiting, values) === 1 || one(db, findQueued, run) !== null;
    }),
    running: read((db, { worker_id = null, claim_id = null, after, limit }) => {
      const sql = `SELECT ${executionColumns} FROM executions
                   WHERE status = 'running' AND id > $id
                     AND ($worker_id IS NULL OR worker_id = $worker_id) AND ($claim_id IS NULL OR claim_id = $claim_id)
                   ORDER BY id LIMIT $limit`;
      const values = { id: after?.id ?? "", worker_id, claim_id, limit };
      return all<ExecutionRow>(db, sql, values).map(executionOf);
    }),
  };
}
