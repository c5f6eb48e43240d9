import { SQLiteError, type Statement } from "bun:sqlite";
import {
  type DeadLetterDocument,
  type ResultRow,
  resultRow,
  resultsCollections,
  resultsSchema,
} from "@sate/contracts";
import type { Counters } from "../counters.ts";
import { type ResultsWriter, Unavailable } from "../ports.ts";
import { closeSqliteFile, openSqliteFile, type SqliteFile } from "./group-commit.ts";

/** A file of its own, or one that its owner has opened for several stores, which then share commits, and closes. */
export type SqliteResultsWriterOptions = { path: string; counters: Counters } | { file: SqliteFile };

/**
 * A `ResultsWriter` on SQLite, for one process that is alone on the file. Write-ahead log, an fsync at every
 * commit, and one commit for all writes of a turn of the event loop.
 */
export function sqliteResultsWriter(options: SqliteResultsWriterOptions): ResultsWriter {
  let opened: SqliteFile | null = null;
  let isClosed = false;

  function open(): SqliteFile {
    if (isClosed) throw new Error("the writer is closed");
    if (opened) return opened;
    const file =
      "file" in options
        ? options.file
        : openSqliteFile(options.path, () => options.counters.add("sqlite_commits"));
    try {
      file.db.run(resultsSchema);
    } catch (error) {
      if (!("file" in options)) closeSqliteFile(file);
      throw error;
    }
    opened = file;
    return file;
  }

  /** Every failure is `Unavailable`: the disk is full, the file is gone, another process holds it. */
  function guarded<A extends unknown[], T>(call: (...args: A) => Promise<T>): (...args: A) => Promise<T> {
    return async (...args) => {
      try {
        return await call(...args);
      } catch (cause) {
        throw new Unavailable("The Results DB did not take the write.", { cause });
      }
    };
  }

  return {
    record: guarded(async (results) => {
      if (results.length === 0) return [];
      const { db, writer } = open();
      return writer.write(() => {
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
    keep: guarded(async (letters) => {
      if (letters.length === 0) return [];
      const { db, writer } = open();
      return writer.write(() => {
        const insert = db.query(insertSql(resultsCollections.deadLetters, deadLetterColumns));
        return letters.map((letter) => changesOf(insert, letter) !== "refused");
      });
    }),
    open: guarded(async () => void open()),
    ping: guarded(async () => void open().db.query("SELECT 1").get()),
    async close() {
      isClosed = true;
      if (opened && !("file" in options)) closeSqliteFile(opened);
      opened = null;
    },
  };
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
