import { type Database, SQLiteError, type Statement } from "bun:sqlite";
import {
  type DeadLetterDocument,
  type ResultRow,
  resultRow,
  resultsCollections,
  resultsSchema,
  type SqliteFile,
} from "@sate/contracts";
import { databaseCalls } from "@sate/contracts/runtime";
import type { Recorded, ResultsWriter } from "../../ports.ts";
import { sqliteRemovals } from "./removals.ts";

export { deadLetterDocument } from "../../recording/dead-letter-document.ts";

/** A `ResultsWriter` on SQLite. It does not own the file: closing the writer closes nothing else. */
export function sqliteResultsWriter(
  { db, write }: SqliteFile,
  clock: () => number = Date.now,
): ResultsWriter {
  const { guarded, close } = databaseCalls("the Results DB");
  return {
    recordResults: guarded((results) =>
      results.length === 0 ? [] : write(() => insertResults(db, results.map(resultRow))),
    ),
    storeDeadLetters: guarded((deadLetters) =>
      deadLetters.length === 0 ? [] : write(() => insertDeadLetters(db, deadLetters)),
    ),
    ...sqliteRemovals({ db, write }, guarded, clock),
    open: guarded(() => void db.run(resultsSchema)),
    ping: guarded(() => void db.query("SELECT 1").get()),
    close,
  };
}

function insertResults(db: Database, rows: ResultRow[]): Recorded[] {
  const insert = insertInto(db, resultsCollections.results, rows);
  type First = { id: string; execution_id: string; removed_at: number | null };
  const select = db.query<First, [string]>("SELECT id, execution_id, removed_at FROM results WHERE _id = ?");
  return rows.map((row) => {
    const changes = changesOf(insert, row);
    if (changes === "refused") return "refused";
    if (changes === 1) return "stored";
    const first = select.get(row._id);
    if (first && first.removed_at !== null) return "removed";
    return first?.id === row.id && first.execution_id === row.execution_id ? "repeated" : "conflicting";
  });
}

/** `storeDeadLetters` within a transaction of the caller. */
export function insertDeadLetters(db: Database, deadLetters: DeadLetterDocument[]): boolean[] {
  const insert = insertInto(db, resultsCollections.deadLetters, deadLetters);
  return deadLetters.map((deadLetter) => changesOf(insert, deadLetter) !== "refused");
}

/** For rows with the same columns, which are those of the table. */
function insertInto(db: Database, table: string, rows: object[]): Statement {
  const columns = Object.keys(rows[0] ?? {});
  const names = columns.map((column) => `"${column}"`).join(", ");
  const values = columns.map((column) => `$${column}`).join(", ");
  return db.query(`INSERT INTO ${table} (${names}) VALUES (${values}) ON CONFLICT DO NOTHING`);
}

/** The number of rows that the insert added; `refused` if the row itself is at fault. Then only this insert is undone. */
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
