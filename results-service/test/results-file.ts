import { Database } from "bun:sqlite";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ResultRecord, resultRow, resultsSchema } from "@sate/contracts";

/** The SQLite file of a Results DB, written as results-listener does, in this process or in another. */
export function resultsFile() {
  const dir = mkdtempSync(join(tmpdir(), "sate-results-service-"));
  const path = join(dir, "results.db");
  let opened: Database | null = null;
  return {
    dir,
    path,
    /** Makes the file, without tables if told so. */
    make({ tables = true } = {}): Database {
      opened ??= new Database(path, { create: true, strict: true });
      opened.run("PRAGMA journal_mode = WAL");
      if (tables) opened.run(resultsSchema);
      return opened;
    },
    add(results: ResultRecord[]): void {
      const db = this.make();
      const rows = results.map(resultRow);
      const names = Object.keys(rows[0] ?? {});
      const insert = db.query(`INSERT INTO results (${names}) VALUES (${names.map((name) => `$${name}`)})`);
      db.transaction(() => {
        for (const row of rows) insert.run(row);
      })();
    },
    [Symbol.dispose]() {
      opened?.close();
      rmSync(dir, { recursive: true });
    },
  };
}
