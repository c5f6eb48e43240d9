import { Database } from "bun:sqlite";
import { join } from "node:path";
import type { Dump } from "./evidence.ts";
import type { Store } from "./store.ts";
import type { System } from "./system.ts";

/** The file of a running standalone, opened beside it. */
export function standaloneStore({ dataDir }: System): Store {
  const db = new Database(join(dataDir, "sate.db"));
  db.run("PRAGMA busy_timeout = 10000");
  const count = (sql: string) => (db.query<{ n: number }, []>(sql).get()?.n ?? 0) as number;
  const lag = () =>
    count(
      `SELECT coalesce(sum((SELECT coalesce(max("offset"), -1) + 1 FROM records WHERE topic = o.topic) - o."offset"), 0) AS n FROM offsets o`,
    );
  return {
    async restless() {
      const open = count("SELECT count(*) AS n FROM executions WHERE status IN ('queued', 'running')");
      const marked = count(
        "SELECT (SELECT count(*) FROM executions WHERE mark IS NOT NULL) + (SELECT count(*) FROM refusals) AS n",
      );
      if (open > 0 || marked > 0) return `${open} executions are not final, ${marked} are to be published`;
      const missing = count("SELECT (SELECT count(*) FROM executions) - (SELECT count(*) FROM results) AS n");
      if (missing > 0) return `${missing} results are missing`;
      const behind = lag();
      return behind > 0 ? `the groups lag by ${behind} records` : null;
    },
    active: async () => count("SELECT count(*) AS n FROM executions WHERE status IN ('queued', 'running')"),
    async twoActive() {
      const sql =
        "SELECT request_id FROM executions WHERE status IN ('queued', 'running') GROUP BY request_id HAVING count(*) > 1";
      return db
        .query<{ request_id: string }, []>(sql)
        .all()
        .map(({ request_id }) => request_id);
    },
    async unknown(kind, refs) {
      const query = db.query<{ n: number }, [string, number]>(
        `SELECT count(*) AS n FROM ${kind} WHERE request_id = ?1 AND attempt = ?2`,
      );
      return refs.filter(({ request_id, attempt }) => query.get(request_id, attempt)?.n === 0);
    },
    async dump(): Promise<Dump> {
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
        records: all('SELECT topic, 0 AS partition, "offset", key, value FROM records').map((row) => ({
          ...row,
          offset: String(row.offset),
          key: text(row.key as never),
          value: text(row.value as never),
        })) as never,
      };
    },
    lag: async () => lag(),
    async publish(topic, records) {
      const insert = db.query(
        `INSERT INTO records (topic, "offset", timestamp, key, value, headers)
         VALUES (?1, (SELECT coalesce(max("offset"), -1) + 1 FROM records WHERE topic = ?1), ?2, ?3, ?4, ?5)`,
      );
      db.transaction(() => {
        for (const { key, value, headers } of records) {
          insert.run(
            topic,
            Date.now(),
            key === null ? null : Buffer.from(key),
            value,
            JSON.stringify(headers),
          );
        }
      }).immediate();
    },
    async close() {
      db.close();
    },
  };
}
