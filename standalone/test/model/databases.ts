import { Database } from "bun:sqlite";
import { resultsSchema } from "@sate/contracts";
import { sqliteStore } from "@sate/requests-service/sqlite";
import { sqliteResultsWriter } from "@sate/results-listener/sqlite";
import { sqliteResultsReader } from "@sate/results-service/sqlite";
import { schema } from "../../../requests-service/src/adapters/sqlite/schema.ts";

/** Bugs that are schemas. */
export type SchemaBugs = { noUniqueAttempt?: boolean; noUniqueResult?: boolean };

/**
 * Both databases in memory, behind the services' own adapters. One for all worlds, since statements that are
 * prepared once are what makes it fast; `clear` begins a new world. Every write is committed on the spot:
 * the group commit has tests of its own.
 */
export function openDatabases(bugs: SchemaBugs = {}) {
  const db = new Database(":memory:", { strict: true });
  db.run(bugs.noUniqueAttempt ? without(schema, ",\n    PRIMARY KEY (request_id, attempt)") : schema);
  db.run(
    bugs.noUniqueResult
      ? resultsSchema.replace("_id TEXT PRIMARY KEY NOT NULL", "_id TEXT NOT NULL")
      : resultsSchema,
  );
  const file = { db, write: async <T>(work: () => T) => work() };
  return {
    db,
    store: () => sqliteStore(file),
    writer: () => sqliteResultsWriter(file),
    reader: () => sqliteResultsReader(file),
    clear(): void {
      for (const table of ["requests", "executions", "refusals", "workers", "results", "dead_letters"]) {
        db.run(`DELETE FROM ${table}`);
      }
    },
  };
}

export type Databases = ReturnType<typeof openDatabases>;

function without(text: string, part: string): string {
  if (!text.includes(part)) throw new Error("the schema has changed: the planted bug must be planted anew");
  return text.replace(part, "");
}
