import type { Database } from "bun:sqlite";
import { type ExecutionRef, executionMark, outcomeMark } from "@sate/contracts";
import type { Execution } from "../execution.ts";
import type { Claim, Runs } from "../ports.ts";
import { claimedOf } from "./claimed-of.ts";
import { type ExecutionRow, executionColumns, executionOf } from "./sqlite-schema.ts";
import { splitOutcome } from "./stored-outcome.ts";

/** How the parts of the store reach the database; every failure becomes `Unavailable`. */
export type SqliteAccess = {
  /** A read on the spot: what was acknowledged before is committed, so it is seen. */
  read<A extends unknown[], T>(query: (db: Database, ...args: A) => T): (...args: A) => Promise<T>;
  /** A write in the next shared commit. */
  write<A extends unknown[], T>(change: (db: Database, ...args: A) => T): (...args: A) => Promise<T>;
  /** A write of a batch, with an answer for each; an empty one is nothing. */
  writeAll<Item, A extends unknown[], T>(
    change: (db: Database, items: Item[], ...args: A) => T[],
  ): (items: Item[], ...args: A) => Promise<T[]>;
};

/** The `Runs` of a store on SQLite. */
export function sqliteRuns({ read, write, writeAll }: SqliteAccess): Runs {
  const claimAll = write((db, { workerId, claimId }: Claim, refs: ExecutionRef[]) => {
    const update = db.query(
      `UPDATE executions
       SET status = 'running', epoch = epoch + 1, worker_id = ?, claim_id = ?, cancel_requested = 0, mark = NULL
       WHERE request_id = ? AND attempt = ? AND id = ? AND status = 'queued'`,
    );
    const select = db.query<ExecutionRow, [string, number, string]>(
      `SELECT ${executionColumns} FROM executions WHERE request_id = ? AND attempt = ? AND id = ?`,
    );
    const found = new Map<string, Execution>();
    for (const { request_id, attempt, execution_id } of refs) {
      update.run(workerId, claimId, request_id, attempt, execution_id);
      const row = select.get(request_id, attempt, execution_id);
      if (row) found.set(row.id, executionOf(row));
    }
    return [...found.values()];
  });

  return {
    claim: async (claim, refs) => claimedOf(claim, refs.length === 0 ? [] : await claimAll(claim, refs)),
    queued: read((db, limit) => {
      const rows = db
        .query<{ request_id: string; attempt: number; id: string }, [number]>(
          "SELECT request_id, attempt, id FROM executions WHERE status = 'queued' ORDER BY request_id, attempt LIMIT ?",
        )
        .all(limit);
      return rows.map(({ request_id, attempt, id }) => ({ request_id, attempt, execution_id: id }));
    }),
    finish: writeAll((db, decided) => {
      const update = db.query(
        `UPDATE executions
         SET status = ?, result_id = ?, outcome = ?, outputs = ?, mark = ?, lost = coalesce(?, lost), worker_id = NULL, claim_id = NULL
         WHERE request_id = ? AND attempt = ? AND id = ? AND status = 'running' AND epoch = ?`,
      );
      const select = db.query<{ result_id: string | null }, [string, number, string]>(
        "SELECT result_id FROM executions WHERE request_id = ? AND attempt = ? AND id = ?",
      );
      return decided.map(({ request_id, attempt, execution_id, epoch, outcome, lost }) => {
        const { text, outputs } = splitOutcome(outcome);
        const { status, result_id } = outcome;
        const key = [request_id, attempt, execution_id] as const;
        const { changes } = update.run(
          status,
          result_id,
          text,
          outputs,
          outcomeMark,
          lost ?? null,
          ...key,
          epoch,
        );
        if (changes === 1) return "stored";
        const row = select.get(...key);
        if (!row) return "unknown";
        return row.result_id === result_id ? "stored" : "refused";
      });
    }),
    requeue: writeAll((db, runs, isLost) => {
      const update = db.query(
        `UPDATE executions SET status = 'queued', mark = ?, lost = lost + ?, worker_id = NULL, claim_id = NULL
         WHERE request_id = ? AND attempt = ? AND id = ? AND status = 'running' AND epoch = ? AND cancel_requested = 0`,
      );
      const select = db.query<{ status: string; epoch: number }, [string, number, string]>(
        "SELECT status, epoch FROM executions WHERE request_id = ? AND attempt = ? AND id = ?",
      );
      return runs.map(({ request_id, attempt, execution_id, epoch }) => {
        const key = [request_id, attempt, execution_id] as const;
        const { changes } = update.run(executionMark(epoch), isLost ? 1 : 0, ...key, epoch);
        if (changes === 1) return true;
        const row = select.get(...key);
        return row?.status === "queued" && row.epoch === epoch;
      });
    }),
    running: read((db, { workerId, claimId, after, limit }) => {
      const rows = db
        .query<ExecutionRow, [string, number, string | null, string | null, number]>(
          `SELECT ${executionColumns} FROM executions
           WHERE status = 'running' AND (request_id, attempt) > (?1, ?2)
             AND (?3 IS NULL OR worker_id = ?3) AND (?4 IS NULL OR claim_id = ?4)
           ORDER BY request_id, attempt LIMIT ?5`,
        )
        .all(after?.requestId ?? "", after?.attempt ?? 0, workerId ?? null, claimId ?? null, limit);
      return rows.map(executionOf);
    }),
  };
}
