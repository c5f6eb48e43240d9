import type { Database } from "bun:sqlite";
import { executionKey, type ResultRow, resultKeysAfter, resultOf, Unavailable } from "@sate/contracts";
import { pageWithinBytes } from "../../page-within-bytes.ts";
import type { ResultsReader } from "../../ports.ts";

/**
 * A `ResultsReader` on the SQLite database that results-listener writes. It never creates the tables: `open` rejects
 * until the listener has. It does not own the file: closing the reader closes nothing else.
 */
export function sqliteResultsReader({ db }: { db: Database }): ResultsReader {
  let isClosed = false;

  /** Reads synchronously: what was acknowledged before is committed, so it is seen. */
  function guarded<A extends unknown[], T>(query: (...args: A) => T): (...args: A) => Promise<T> {
    return async (...args) => {
      try {
        if (isClosed) throw new Error("the reader is closed");
        return query(...args);
      } catch (cause) {
        throw new Unavailable("The Results DB could not be read.", { cause });
      }
    };
  }

  function seeTable(): void {
    db.query("SELECT 1 FROM results LIMIT 1").get();
  }

  return {
    /** Row by row: no more is read than fits, and no open cursor keeps the writer from truncating its WAL. */
    ofRequest: guarded((requestId, afterAttempt, bounds) => {
      const sql = "SELECT * FROM results WHERE _id > ?1 AND _id < ?2 ORDER BY _id LIMIT 1";
      const next = db.query<ResultRow, [string, string]>(sql);
      const { above, below } = resultKeysAfter(requestId, afterAttempt);
      const page = pageWithinBytes(bounds);
      for (let after = above; ; ) {
        const row = next.get(after, below);
        if (row === null || !page.take(resultOf(row))) return page.read();
        after = row._id;
      }
    }),
    ofExecution: guarded((requestId, executionId) => {
      // With a plain `execution_id`, which has no index, SQLite would plan the statement anew in each call.
      const sql = "SELECT * FROM results WHERE _id > ?1 AND _id < ?2 AND +execution_id = ?3";
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
    open: guarded(seeTable),
    ping: guarded(seeTable),
    async close() {
      isClosed = true;
    },
  };
}
