import { type ExecutionRef, executionMark, outcomeMark } from "@sate/contracts";
import type { Execution } from "../../executions/execution.ts";
import type { Claim, Runs } from "../../ports.ts";
import { claimResult } from "../claim-result.ts";
import { splitOutcome } from "../outcome-columns.ts";
import type { SqliteAccess } from "./access.ts";
import { type ExecutionRow, executionColumns, executionOf } from "./schema.ts";

export function sqliteRuns({ read, write, writeEach }: SqliteAccess): Runs {
  const claimAll = write((db, { worker_id, claim_id }: Claim, refs: ExecutionRef[]) => {
    const update = db.query(
      `UPDATE executions
       SET status = 'running', epoch = epoch + 1, worker_id = ?, claim_id = ?, cancel_requested = 0, mark = NULL
       WHERE request_id = ? AND attempt = ? AND +id = ? AND status = 'queued'`,
    );
    const select = db.query<ExecutionRow, [string, number, string]>(
      `SELECT ${executionColumns} FROM executions WHERE request_id = ? AND attempt = ? AND +id = ?`,
    );
    const found = new Map<string, Execution>();
    for (const { request_id, attempt, execution_id } of refs) {
      update.run(worker_id, claim_id, request_id, attempt, execution_id);
      const row = select.get(request_id, attempt, execution_id);
      if (row) found.set(row.id, executionOf(row));
    }
    return [...found.values()];
  });

  return {
    claim: async (claim, refs) => claimResult(claim, refs.length === 0 ? [] : await claimAll(claim, refs)),
    queued: read((db, limit) => {
      return db
        .query<ExecutionRef, [number]>(
          `SELECT request_id, attempt, id AS execution_id FROM executions
           WHERE status = 'queued' ORDER BY request_id, attempt LIMIT ?`,
        )
        .all(limit);
    }),
    finish: writeEach((db) => {
      const update = db.query(
        `UPDATE executions
         SET status = ?, result_id = ?, outcome = ?, outputs = ?, mark = ?, lost = coalesce(?, lost), worker_id = NULL, claim_id = NULL
         WHERE request_id = ? AND attempt = ? AND +id = ? AND status = 'running' AND +epoch = ?`,
      );
      const select = db.query<{ result_id: string | null }, [string, number, string]>(
        "SELECT result_id FROM executions WHERE request_id = ? AND attempt = ? AND +id = ?",
      );
      return ({ request_id, attempt, execution_id, epoch, outcome, lost = null }) => {
        const { text, outputs } = splitOutcome(outcome);
        const { status, result_id } = outcome;
        const key = [request_id, attempt, execution_id] as const;
        const set = [status, result_id, text, outputs, outcomeMark, lost] as const;
        if (update.run(...set, ...key, epoch).changes === 1) return "stored";
        const row = select.get(...key);
        if (!row) return "unknown";
        return row.result_id === result_id ? "stored" : "refused";
      };
    }),
    requeue: writeEach((db, isLost) => {
      const update = db.query(
        `UPDATE executions SET status = 'queued', mark = ?, lost = lost + ?, worker_id = NULL, claim_id = NULL
         WHERE request_id = ? AND attempt = ? AND +id = ? AND status = 'running' AND +epoch = ? AND cancel_requested = 0`,
      );
      const select = db.query<{ status: string; epoch: number }, [string, number, string]>(
        "SELECT status, epoch FROM executions WHERE request_id = ? AND attempt = ? AND +id = ?",
      );
      return ({ request_id, attempt, execution_id, epoch }) => {
        const key = [request_id, attempt, execution_id] as const;
        if (update.run(executionMark(epoch), isLost ? 1 : 0, ...key, epoch).changes === 1) return true;
        const row = select.get(...key);
        return row?.status === "queued" && row.epoch === epoch;
      };
    }),
    running: read((db, { worker_id = null, claim_id = null, after, limit }) => {
      const rows = db
        .query<ExecutionRow, [string, number, string | null, string | null, number]>(
          `SELECT ${executionColumns} FROM executions
           WHERE status = 'running' AND (request_id, attempt) > (?1, ?2)
             AND (?3 IS NULL OR worker_id = ?3) AND (?4 IS NULL OR claim_id = ?4)
           ORDER BY request_id, attempt LIMIT ?5`,
        )
        .all(after?.request_id ?? "", after?.attempt ?? 0, worker_id, claim_id, limit);
      return rows.map(executionOf);
    }),
  };
}
