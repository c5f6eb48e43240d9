import { Database } from "bun:sqlite";
import { type ResultRecord, resultRow, resultsSchema } from "@sate/contracts";

/** A Results DB on SQLite, written as results-listener writes it. It has no tables until `makeTables` or `add`. */
export function resultsFile() {
  const db = new Database(":memory:", { strict: true });
  return {
    db,
    makeTables(): void {
      db.run(resultsSchema);
    },
    add(results: ResultRecord[]): void {
      this.makeTables();
      const rows = results.map(resultRow);
      const names = Object.keys(rows[0] ?? {});
      const insert = db.query(`INSERT INTO results (${names}) VALUES (${names.map((name) => `$${name}`)})`);
      db.transaction(() => {
        for (const row of rows) insert.run(row);
      })();
    },
    [Symbol.dispose]: () => db.close(),
  };
}
