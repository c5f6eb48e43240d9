import { executionKey, type ResultRow, resultKeysAfter, resultOf, type SqliteFile } from "@sate/contracts";
import { databaseCalls } from "@sate/contracts/runtime";
import { pageOf } from "../../page.ts";
import type { ResultsReader } from "../../ports.ts";
import { sqliteDeadLetters } from "./dead-letters.ts";

/**
 * A `ResultsReader` on the SQLite database that results-listener writes. It never creates the tables: `open` rejects
 * until the listener has. It does not own the file: closing the reader closes nothing else.
 */
export function sqliteResultsReader({ db }: Pick<SqliteFile, "db">): ResultsReader {
  // Queries are synchronous: what was acknowledged before is committed, so it is seen.
  const { guarded, close } = databaseCalls("the Results DB");
  const seeTable = guarded(() => void db.query("SELECT 1 FROM results LIMIT 1").get());

  /** Without the tombstones of removed results. Row by row: no more is read than fits, and no open cursor keeps the writer from truncating its WAL. */
  function* rowsAfter(requestId: string, afterAttempt: number) {
    const sql =
      "SELECT * FROM results WHERE _id > ?1 AND _id < ?2 AND removed_at IS NULL ORDER BY _id LIMIT 1";
    const next = db.query<ResultRow, [string, string]>(sql);
    const { above, below } = resultKeysAfter(requestId, afterAttempt);
    for (let row = next.get(above, below); row; row = next.get(row._id, below)) yield row;
  }

  return {
    ofRequest: guarded((requestId, afterAttempt, bounds) =>
      pageOf(rowsAfter(requestId, afterAttempt), bounds),
    ),
    ofExecution: guarded((requestId, executionId) => {
      // With a plain `execution_id`, which has no index, SQLite would plan the statement anew in each call.
      const sql =
        "SELECT * FROM results WHERE _id > ?1 AND _id < ?2 AND +execution_id = ?3 AND removed_at IS NULL";
      const { above, below } = resultKeysAfter(requestId, 0);
      const row = db.query<ResultRow, [string, string, string]>(sql).get(above, below, executionId);
      return row && resultOf(row);
    }),
    recorded: guarded((executions) => {
      const select = db.query<{ _id: string }, [string]>("SELECT _id FROM results WHERE _id = ?");
      return executions.map(
        ({ request_id, attempt }) => select.get(executionKey(request_id, attempt)) !== null,
      );
    }),
    deadLetters: sqliteDeadLetters(db, guarded),
    open: seeTable,
    ping: seeTable,
    close,
  };
}
