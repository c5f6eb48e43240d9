import type { Database } from "bun:sqlite";
import { addColumns } from "./add-columns.ts";
import { upgradeDeadLetters } from "./upgrade-dead-letters.ts";

/** Version 2 had no start marks, labels, idempotency keys or removal. Tables that are missing are created by the services. */
export function upgradeVersion2(db: Database): void {
  addColumns(db, "requests", { start: "TEXT", labels: "TEXT", removed_at: "INTEGER" });
  addColumns(db, "executions", {
    labels: "TEXT",
    key_hash: "TEXT",
    body_hash: "TEXT",
    ended_at: "INTEGER",
    removed_at: "INTEGER",
  });
  addColumns(db, "results", { removed_at: "INTEGER" });
  upgradeDeadLetters(db);
  // Replaced by one of all statuses.
  db.run("DROP INDEX IF EXISTS running_executions");
}
