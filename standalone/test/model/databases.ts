import { Database } from "bun:sqlite";
import { resultsSchema } from "@sate/contracts";
import { sqliteStore } from "@sate/requests-service/sqlite";
import { sqliteResultsWriter } from "@sate/results-listener/sqlite";
import { sqliteResultsReader } from "@sate/results-service/sqlite";
import { schema } from "../../../requests-service/src/adapters/sqlite/schema.ts";
import { watch } from "./invariants.ts";

/** What the oracle noted, too: it comes last, because it notes what is deleted. */
const tables = [
  "requests",
  "request_labels",
  "idempotency_keys",
  "executions",
  "execution_labels",
  "refusals",
  "workers",
  "processors",
  "logs",
  "schedules",
  "webhooks",
  "results",
  "dead_letters",
  "model",
  "to_be_removed",
  "to_be_delivered",
  "undelivered",
  "broken",
];

/**
 * Both databases in memory, behind the services' own adapters. One for all worlds, since statements that are
 * prepared once are what makes it fast; `clear` begins a new world. Every write is committed on the spot:
 * the group commit has tests of its own. `without`: a part of the schema that is left out, which is a planted bug.
 */
export function openDatabases(without = "") {
  const db = new Database(":memory:", { strict: true });
  const whole = resultsSchema + schema;
  if (!whole.includes(without)) throw new Error("the schema has changed: the bug must be planted anew");
  db.run(whole.replace(without, ""));
  watch(db);
  const file = { db, write: async <T>(work: () => T) => work() };
  const setNow = db.query("UPDATE model SET now = ?");
  return {
    db,
    /** With the clock of the database, which invariants read at every write. */
    store(clock: () => number) {
      const write = async <T>(work: () => T) => {
        setNow.run(clock());
        return work();
      };
      return sqliteStore({ db, write }, clock);
    },
    /** With the clock of the broker, by which dead letters are dated. */
    writer: (clock: () => number) => sqliteResultsWriter(file, clock),
    reader: () => sqliteResultsReader(file),
    clear(): void {
      for (const table of tables) db.run(`DELETE FROM ${table}`);
    },
  };
}

export type Databases = ReturnType<typeof openDatabases>;
