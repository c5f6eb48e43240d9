import { Database } from "bun:sqlite";
import { join } from "node:path";
import type { TopicRecord, Topics } from "./system.ts";

type Row = { key: Uint8Array | null; value: Uint8Array | null; headers: string };

/** Topics of a running standalone: the same file, opened beside it. */
export function sqliteTopics(dataDir: string): Topics {
  const db = new Database(join(dataDir, "sate.db"));
  db.run("PRAGMA busy_timeout = 10000");
  const bytes = (value: Uint8Array | null) => (value === null ? null : Buffer.from(value));
  return {
    async read(topic) {
      const rows = db
        .query<Row, [string]>('SELECT key, value, headers FROM records WHERE topic = ? ORDER BY "offset"')
        .all(topic);
      return rows.map(
        ({ key, value, headers }): TopicRecord => ({
          key: bytes(key),
          value: bytes(value),
          headers: JSON.parse(headers),
        }),
      );
    },
    async publish(topic, records) {
      const insert = db.query(
        `INSERT INTO records (topic, "offset", timestamp, key, value, headers)
         VALUES (?1, (SELECT coalesce(max("offset"), -1) + 1 FROM records WHERE topic = ?1), ?2, ?3, ?4, ?5)`,
      );
      db.transaction(() => {
        for (const { key, value, headers } of records) {
          insert.run(topic, Date.now(), key, value, JSON.stringify(headers));
        }
      }).immediate();
    },
    async close() {
      db.close();
    },
  };
}
