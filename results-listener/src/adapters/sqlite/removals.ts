import { type ResultRow, requestTombstoneKey, resultTombstone, type SqliteFile } from "@sate/contracts";
import type { Guarded } from "@sate/contracts/runtime";
import type { Removals } from "../../removals/port.ts";

type Values = Record<string, string | number | null>;

/** The columns of a tombstone, which has no others. */
const columns = Object.keys(resultTombstone({ request_id: "", attempt: 0 }, 0));
const emptied: (keyof ResultRow)[] = ["error", "processor", "processor_version", "tries"];
const putTombstone = `
  INSERT INTO results (${columns}) VALUES (${columns.map((name) => `$${name}`)})
  ON CONFLICT DO UPDATE SET ${columns.map((name) => `${name} = $${name}`)}, ${emptied.map((name) => `${name} = NULL`)}
  WHERE removed_at IS NULL`;

/** `clock`: wall clock, epoch ms; the database has none of its own. */
export function sqliteRemovals({ db, write }: SqliteFile, guarded: Guarded, clock: () => number): Removals {
  const change = (sql: string, values: Values) => db.query<never, [Values]>(sql).run(values).changes;
  return {
    removeResults: guarded(async (executions, removedAt) => {
      if (executions.length === 0) return;
      await write(() => {
        for (const key of executions) {
          const { is_success, force_error, ...texts } = resultTombstone(key, removedAt);
          change(putTombstone, { ...texts, is_success: 0, force_error: 0 } as Values);
        }
      });
    }),
    removedRequests: guarded((requestIds) => {
      const select = db.query<unknown, [string]>("SELECT 1 FROM results WHERE _id = ?");
      return new Set(requestIds.filter((id) => select.get(requestTombstoneKey(id)) !== null));
    }),
    removeDeadLetters: guarded(async (ids) => {
      if (ids.length === 0) return;
      await write(() => {
        for (const id of ids) change("DELETE FROM dead_letters WHERE _id = $id", { id });
      });
    }),
    removeDeadLettersOf: guarded((requestIds, limit) => {
      const sql = `DELETE FROM dead_letters WHERE _id IN (
                     SELECT _id FROM dead_letters
                     WHERE request_id IN (SELECT value FROM json_each($ids)) LIMIT $limit)`;
      return write(() => change(sql, { ids: JSON.stringify(requestIds), limit }));
    }),
    removeDeadLettersBefore: guarded((instant, limit) => {
      const sql = `DELETE FROM dead_letters WHERE _id IN (
                     SELECT _id FROM dead_letters WHERE time < $instant ORDER BY time, _id LIMIT $limit)`;
      return write(() => change(sql, { instant, limit }));
    }),
    now: guarded(() => Math.floor(clock())),
  };
}
