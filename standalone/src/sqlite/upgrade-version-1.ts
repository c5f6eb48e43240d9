import type { Database } from "bun:sqlite";
import { defaultProcessor } from "@sate/contracts";

/**
 * Version 1 had no waiting, retries or announced processors. Executions get the processor that their request names, and
 * no tries. Tables that are missing are created by the services, with all columns.
 */
export function upgradeVersion1(db: Database): void {
  addColumns(db, "executions", {
    processor: `TEXT NOT NULL DEFAULT '${defaultProcessor}'`,
    tries: "INTEGER NOT NULL DEFAULT 0",
    timeout_seconds: "REAL",
    start_after: "INTEGER",
    expires_at: "INTEGER",
    deadline_at: "INTEGER",
    wake_at: "INTEGER",
    last_error: "TEXT",
    progress: "TEXT",
  });
  addColumns(db, "results", { processor: "TEXT", processor_version: "TEXT", tries: "INTEGER" });
  if (hasTable(db, "executions")) {
    db.run(
      `UPDATE executions SET processor = requests.processor
       FROM requests WHERE requests.id = request_id AND requests.processor IS NOT NULL`,
    );
  }
  // Replaced by one that begins with the processor.
  db.run("DROP INDEX IF EXISTS queued_executions");
  // The workers of the previous process ended with it.
  db.run("DROP TABLE IF EXISTS workers");
}

/** Adds those that the table lacks. One that is missing gets them when it is created. */
function addColumns(db: Database, table: string, columns: Record<string, string>): void {
  if (!hasTable(db, table)) return;
  const found = db.query<{ name: string }, [string]>("SELECT name FROM pragma_table_info(?)").all(table);
  const names = new Set(found.map(({ name }) => name));
  for (const [name, type] of Object.entries(columns)) {
    if (!names.has(name)) db.run(`ALTER TABLE ${table} ADD COLUMN ${name} ${type}`);
  }
}

function hasTable(db: Database, name: string): boolean {
  return db.query("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?").get(name) !== null;
}
