import type { Database } from "bun:sqlite";
import { executionKey, type ResultRow, resultKeysAfter, resultOf } from "@sate/contracts";
import { openPage } from "../page.ts";
import { type Bounds, type Page, type ResultsReader, Unavailable } from "../ports.ts";

/**
 * A `ResultsReader` on the SQLite database that results-listener writes. It never makes the tables: as long as the
 * listener has not made them, `open` rejects. It does not own the file: closing the reader closes nothing else.
 */
export function sqliteResultsReader({ db }: { db: Database }): ResultsReader {
  let isClosed = false;

  /** A read on the spot: what was acknowledged before is committed, so it is seen. */
  function read<A extends unknown[], T>(query: (db: Database, ...args: A) => T): (...args: A) => Promise<T> {
    return async (...args) => {
      try {
        if (isClosed) throw new Error("the reader is closed");
        return query(db, ...args);
      } catch (cause) {
        throw new Unavailable("The Results DB cannot be read.", { cause });
      }
    };
  }

  return {
    ofRequest: read((db, { requestId, afterAttempt, ...bounds }) => {
      const sql = "SELECT * FROM results WHERE _id > ?1 AND _id < ?2 ORDER BY _id LIMIT 1";
      const next = db.query<ResultRow, [string, string]>(sql);
      const { above, below } = resultKeysAfter(requestId, afterAttempt);
      return pageOf((after = above) => next.get(after, below), bounds);
    }),
    ofExecution: read((db, { requestId, executionId, ...bounds }) => {
      const sql =
        "SELECT * FROM results WHERE _id > ?1 AND _id < ?2 AND execution_id = ?3 ORDER BY _id LIMIT 1";
      const next = db.query<ResultRow, [string, string, string]>(sql);
      const { above, below } = resultKeysAfter(requestId, 0);
      return pageOf((after = above) => next.get(after, below, executionId), bounds);
    }),
    recorded: read((db, executions) => {
      const select = db.query<{ _id: string }, [string]>("SELECT _id FROM results WHERE _id = ?");
      return executions.map(
        ({ request_id, attempt }) => select.get(executionKey(request_id, attempt)) !== null,
      );
    }),
    open: read(seeTable),
    ping: read(seeTable),
    async close() {
      isClosed = true;
    },
  };
}

function seeTable(db: Database): void {
  db.query("SELECT 1 FROM results LIMIT 1").get();
}

/** Row by row, by key: no more is read than fits, and no open cursor keeps the log of the writer from being shortened. */
function pageOf(next: (after?: string) => ResultRow | null, bounds: Bounds): Page {
  const page = openPage(bounds);
  for (let row = next(); row !== null && page.take(resultOf(row)); row = next(row._id));
  return page.read();
}
