import { Database } from "bun:sqlite";
import {
  type DeadLetterDocument,
  type ExecutionKey,
  type ResultRecord,
  resultRow,
  resultsSchema,
  resultTombstone,
} from "@sate/contracts";

/** A Results DB on SQLite, written as results-listener writes it. It has no tables until `makeTables` or `add`. */
export function resultsFile() {
  const db = new Database(":memory:", { strict: true });
  const makeTables = () => void db.run(resultsSchema);
  function insert(table: string, rows: object[]): void {
    makeTables();
    const names = Object.keys(rows[0] ?? {});
    const columns = names.map((name) => `"${name}"`).join();
    const query = db.query(`INSERT INTO ${table} (${columns}) VALUES (${names.map((name) => `$${name}`)})`);
    db.transaction(() => {
      for (const row of rows) query.run(row as Record<string, null>);
    })();
  }
  return {
    db,
    makeTables,
    add: (results: ResultRecord[]) => insert("results", results.map(resultRow)),
    remove: (executions: ExecutionKey[]) =>
      insert(
        "results",
        executions.map((key) => ({ ...resultTombstone(key, 1), is_success: 0, force_error: 0 })),
      ),
    addDeadLetters: (deadLetters: DeadLetterDocument[]) => insert("dead_letters", deadLetters),
    [Symbol.dispose]: () => db.close(),
  };
}
