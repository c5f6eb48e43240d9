import { Database } from "bun:sqlite";
import { executionKey, type ResultRow, resultKeysAfter, resultOf } from "@sate/contracts";
import { openPage } from "../page.ts";
import { type Bounds, type Page, type ResultsReader, Unavailable } from "../ports.ts";

/** A file of its own, or one that its owner has opened, and closes. */
export type SqliteResultsReaderOptions = { path: string } | { file: { db: Database } };

/**
 * A `ResultsReader` on the SQLite file that results-listener writes. It never makes the file nor its tables,
 * and opens a file of its own to read only: as long as the listener has not made them, `open` rejects.
 */
export function sqliteResultsReader(options: SqliteResultsReaderOptions): ResultsReader {
  let opened: Database | null = null;
  let isClosed = false;

  function open(): Database {
    if (isClosed) throw new Error("the reader is closed");
    if (opened) return opened;
    const db =
      "file" in options ? options.file.db : new Database(options.path, { readonly: true, strict: true });
    try {
      db.run("PRAGMA busy_timeout = 5000");
      // The file is there a moment before its tables are.
      db.query("SELECT 1 FROM results LIMIT 1").get();
    } catch (error) {
      if (!("file" in options)) db.close();
      throw error;
    }
    opened = db;
    return db;
  }

  /** A read on the spot: what was acknowledged before is committed, so it is seen. */
  function read<A extends unknown[], T>(query: (db: Database, ...args: A) => T): (...args: A) => Promise<T> {
    return async (...args) => {
      try {
        return query(open(), ...args);
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
    open: read(() => {}),
    ping: read((db) => void db.query("SELECT 1 FROM results LIMIT 1").get()),
    async close() {
      isClosed = true;
      if (!("file" in options)) opened?.close();
      opened = null;
    },
  };
}

/** Row by row, by key: no more is read than fits, and no open cursor keeps the log of the writer from being shortened. */
function pageOf(next: (after?: string) => ResultRow | null, bounds: Bounds): Page {
  const page = openPage(bounds);
  for (let row = next(); row !== null && page.take(resultOf(row)); row = next(row._id));
  return page.read();
}
