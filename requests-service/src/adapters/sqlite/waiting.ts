import { executionMark, outcomeMark } from "@sate/contracts";
import type { Waiting } from "../../ports.ts";
import { splitOutcome } from "../stored.ts";
import { all, change, one, type SqliteAccess } from "./access.ts";
import { atRef, endOf } from "./runs.ts";
import { type ExecutionRow, executionColumns, executionOf } from "./schema.ts";

const atQueued = `${atRef} AND status = 'queued' AND +epoch = $epoch`;

const findDue = `
  SELECT ${executionColumns} FROM executions
  WHERE wake_at <= $until AND +status = 'queued' ORDER BY wake_at LIMIT $limit`;
const setAwake = `
  UPDATE executions SET start_after = NULL, wake_at = $wake_at, mark = $mark
  WHERE ${atQueued} AND +start_after = $start_after`;
const setEnded = `
  UPDATE executions
  SET status = $status, result_id = $result_id, outcome = $text, outputs = $outputs, mark = '${outcomeMark}',
    start_after = NULL, wake_at = NULL, ended_at = $ended_at
  WHERE ${atQueued}`;

export function sqliteWaiting({ read, writeEach }: SqliteAccess, now: () => number): Waiting {
  return {
    due: read((db, page) => all<ExecutionRow>(db, findDue, page).map(executionOf)),
    wake: writeEach((db, { wake_at = null, ...woken }) => {
      if (change(db, setAwake, { ...woken, wake_at, mark: executionMark(woken.epoch) }) === 1) return true;
      return one(db, `SELECT 1 FROM executions WHERE ${atQueued} AND start_after IS NULL`, woken) !== null;
    }),
    end: writeEach((db, { outcome, lost: _, ...ended }) => {
      const { status, result_id } = outcome;
      const values = { ...ended, ...splitOutcome(outcome), status, result_id, ended_at: now() };
      const changed = change(db, setEnded, values);
      return changed === 1 ? "stored" : endOf(db, ended, outcome);
    }),
  };
}
