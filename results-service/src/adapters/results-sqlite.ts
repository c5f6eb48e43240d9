import { Database } from "bun:sqlite";
import { executionKey, limits, type ResultDocument, type ResultRecord, resultRecord } from "@sate/contracts";
import type { Counters } from "../counters.ts";
import { type ResultsReader, Unavailable } from "../ports.ts";

type Row = Omit<ResultDocument, "is_success" | "force_error" | "error_code" | "error_message"> & {
  is_success: number;
  force_error: number;
  error_code: string | null;
  error_message: string | null;
};

/** A `ResultsReader` on the file that the listener writes; opened to read only, so the file must be there. */
export function sqliteResultsReader({ path, counters }: { path: string; counters: Counters }): ResultsReader {
  let db: Database | null = null;
  let isClosed = false;

  function open(): Database {
    if (isClosed) throw new Error("the results are closed");
    if (db) return db;
    const opened = new Database(path, { readonly: true, strict: true });
    try {
      opened.run("PRAGMA busy_timeout = 5000");
      opened.query("SELECT 1 FROM results LIMIT 1").get();
    } catch (error) {
      opened.close();
      throw error;
    }
    db = opened;
    return opened;
  }

  async function read(query: (db: Database) => Row[]): Promise<ResultRecord[]> {
    try {
      counters.add("sqlite_reads");
      return query(open()).map(recordOf);
    } catch (cause) {
      throw new Unavailable("The Results DB cannot be read.", { cause });
    }
  }

  return {
    ofRequest: ({ requestId, afterAttempt, limit }) =>
      read((db) =>
        db
          .query<Row, [string, string, number]>(
            "SELECT * FROM results WHERE _id > ? AND _id <= ? ORDER BY _id LIMIT ?",
          )
          .all(executionKey(requestId, afterAttempt), executionKey(requestId, limits.attemptMax), limit),
      ),
    ofExecution: ({ requestId, executionId }) =>
      read((db) =>
        db
          .query<Row, [string, string, string]>(
            "SELECT * FROM results WHERE _id >= ? AND _id <= ? AND execution_id = ? LIMIT 1",
          )
          .all(executionKey(requestId, 1), executionKey(requestId, limits.attemptMax), executionId),
      ),
    async open() {
      await read(() => {
        open();
        return [];
      });
    },
    async ping() {
      await read((db) => {
        db.query("SELECT 1").get();
        return [];
      });
    },
    async close() {
      isClosed = true;
      db?.close();
      db = null;
    },
  };
}

function recordOf({ is_success, force_error, error_code, error_message, ...row }: Row): ResultRecord {
  return resultRecord({
    ...row,
    is_success: is_success === 1,
    force_error: force_error === 1,
    ...(error_code !== null && { error_code }),
    ...(error_message !== null && { error_message }),
  });
}
