import type { Database } from "bun:sqlite";
import { defaultProcessor } from "@sate/contracts";
import { addColumns, hasTable } from "./add-columns.ts";

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
