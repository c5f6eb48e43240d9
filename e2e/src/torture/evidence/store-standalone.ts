import type { Database } from "bun:sqlite";
import { lookAtStandalone } from "../../system/standalone-copy.ts";
import type { System } from "../../system/system.ts";
import type { Dump } from "./evidence.ts";
import type { Store } from "./store.ts";

/** The database of a running standalone, looked at in copies. It stores no records, so nothing lags. */
export function standaloneStore({ dataDir, processes }: System): Store {
  const look = <T>(how: (db: Database) => T) => lookAtStandalone(dataDir, () => processes()[0]?.pid, how);
  const count = (db: Database, sql: string) => (db.query<{ n: number }, []>(sql).get()?.n ?? 0) as number;
  const active = (db: Database) =>
    count(db, "SELECT count(*) AS n FROM executions WHERE status IN ('queued', 'running')");
  return {
    restless: () =>
      look((db) => {
        const marked = count(
          db,
          "SELECT (SELECT count(*) FROM executions WHERE mark IS NOT NULL) + (SELECT count(*) FROM refusals) AS n",
        );
        const open = active(db);
        if (open > 0 || marked > 0) return `${open} executions are not final, ${marked} are to be published`;
        const missing = count(
          db,
          "SELECT (SELECT count(*) FROM executions) - (SELECT count(*) FROM results) AS n",
        );
        return missing > 0 ? `${missing} results are missing` : null;
      }),
    active: () => look(active),
    twoActive: () =>
      look((db) => {
        const sql =
          "SELECT request_id FROM executions WHERE status IN ('queued', 'running') GROUP BY request_id HAVING count(*) > 1";
        return db
          .query<{ request_id: string }, []>(sql)
          .all()
          .map(({ request_id }) => request_id);
      }),
    unknown: (kind, refs) =>
      look((db) => {
        const query = db.query<{ n: number }, [string, number]>(
          `SELECT count(*) AS n FROM ${kind} WHERE request_id = ?1 AND attempt = ?2`,
        );
        return refs.filter(({ request_id, attempt }) => query.get(request_id, attempt)?.n === 0);
      }),
    dump: () => look(dumpOf),
    lag: async () => 0,
    async publish() {
      throw new Error("standalone takes no records from outside");
    },
    async close() {},
  };
}

function dumpOf(db: Database): Dump {
  const text = (bytes: Uint8Array | null) => (bytes ? Buffer.from(bytes).toString() : null);
  const all = (sql: string) => db.query<Record<string, never>, []>(sql).all();
  return {
    requests: all("SELECT id, payload FROM requests") as never,
    executions: all("SELECT * FROM executions") as never,
    results: all("SELECT * FROM results").map((row) => ({
      ...row,
      is_success: row.is_success === 1,
    })) as never,
    deadLetters: all("SELECT * FROM dead_letters").map(({ key, value, ...row }) => ({
      ...row,
      key: text(key as never),
      value: value ? Buffer.from(value as never).toString("base64") : null,
    })) as never,
    refusals: all("SELECT request_id, id FROM refusals") as never,
    records: [],
  };
}
