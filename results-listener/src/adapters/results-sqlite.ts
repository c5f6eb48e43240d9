import { type Database, SQLiteError, type Statement } from "bun:sqlite";
import {
  type DeadLetterDocument,
  type ResultRow,
  resultRow,
  resultsCollections,
  resultsSchema,
} from "@sate/contracts";
import { type ResultsWriter, Unavailable } from "../ports.ts";

export { deadLetterOf } from "../dead-letter.ts";

/** An open database of one process. `write` runs `work` in a commit and resolves when that is durable. */
export type SqliteFile = { db: Database; write<T>(work: () => T): Promise<T> };

/** A `ResultsWriter` on SQLite. It does not own the file: closing the writer closes nothing else. */
export function sqliteResultsWriter({ db, write }: SqliteFile): ResultsWriter {
  let isClosed = false;

  /** Every failure is `Unavailable`: the disk is full, the file is gone. */
  function guarded<A extends unknown[], T>(call: (...args: A) => Promise<T>): (...args: A) => Promise<T> {
    return async (...args) => {
      try {
        if (isClosed) throw new Error("the writer is closed");
        return await call(...args);
      } catch (cause) {
        throw new Unavailable("The Results DB did not take the write.", { cause });
      }
    };
  }

  return {
    record: guarded(async (results) => {
      if (results.length === 0) return [];
      return write(() => {
        const insert = db.query(insertSql(resultsCollections.results, resultColumns));
        const select = db.query<{ id: string; execution_id: string }, [string]>(
          "SELECT id, execution_id FROM results WHERE _id = ?",
        );
        return results.map((result) => {
          const row = resultRow(result);
          const changes = changesOf(insert, row);
          if (changes === "refused") return "refused";
          if (changes === 1) return "stored";
          const stored = select.get(row._id);
          const isTheSame = stored?.id === row.id && stored.execution_id === row.execution_id;
          return isTheSame ? "repeated" : "conflicting";
        });
      });
    }),
    keep: guarded(async (letters) => (letters.length === 0 ? [] : write(() => keepDeadLetters(db, letters)))),
    open: guarded(async () => void db.run(resultsSchema)),
    ping: guarded(async () => void db.query("SELECT 1").get()),
    async close() {
      isClosed = true;
    },
  };
}

/** Within a transaction: keeps those whose id is new. Returns, as `keep` does, which are kept. */
export function keepDeadLetters(db: Database, letters: DeadLetterDocument[]): boolean[] {
  const insert = db.query(insertSql(resultsCollections.deadLetters, deadLetterColumns));
  return letters.map((letter) => changesOf(insert, letter) !== "refused");
}

const resultColumns: (keyof ResultRow)[] = [
  "_id",
  "request_id",
  "attempt",
  "execution_id",
  "id",
  "is_success",
  "processing_start_time",
  "processing_end_time",
  "processing_total_seconds",
  "outputs",
  "error",
  "force_error",
  "creation_date",
  "payload",
];

const deadLetterColumns: (keyof DeadLetterDocument)[] = [
  "_id",
  "time",
  "partition",
  "offset",
  "reason",
  "detail",
  "origin_topic",
  "origin_partition",
  "origin_offset",
  "key",
  "value",
  "headers",
  "cut",
];

function insertSql(table: string, columns: string[]): string {
  const names = columns.map((column) => `"${column}"`).join(", ");
  const values = columns.map((column) => `$${column}`).join(", ");
  return `INSERT INTO ${table} (${names}) VALUES (${values}) ON CONFLICT DO NOTHING`;
}

/** How many rows the insert added; `refused` if the row itself is at fault. It undoes nothing but itself. */
function changesOf(insert: Statement, row: ResultRow | DeadLetterDocument): number | "refused" {
  try {
    return insert.run(row).changes;
  } catch (error) {
    if (error instanceof SQLiteError && /^SQLITE_(CONSTRAINT|TOOBIG|MISMATCH)/.test(error.code ?? "")) {
      return "refused";
    }
    throw error;
  }
}
