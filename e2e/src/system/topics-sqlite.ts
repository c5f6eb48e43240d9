import { topics } from "@sate/contracts";
import { lookAtStandalone } from "./standalone-copy.ts";
import type { TopicRecord, Topics } from "./system.ts";

type Row = { key: Uint8Array | null; value: Uint8Array | null; headers: string };

/** Standalone stores no records. Of its topics only the dead letters can be read, in the table where they are kept. */
export function sqliteTopics(dataDir: string, pidOf: () => number | undefined): Topics {
  const bytes = (value: Uint8Array | null) => (value === null ? null : Buffer.from(value));
  return {
    async read(topic) {
      if (topic !== topics.deadLetters) throw new Error(`standalone stores no records of ${topic}`);
      const rows = await lookAtStandalone(dataDir, pidOf, (db) =>
        db.query<Row, []>("SELECT key, value, headers FROM dead_letters ORDER BY time, _id").all(),
      );
      return rows.map(
        ({ key, value, headers }): TopicRecord => ({
          key: bytes(key),
          value: bytes(value),
          headers: Object.fromEntries(
            Object.entries(JSON.parse(headers) as Record<string, string>).map(([name, text]) => [
              name,
              Buffer.from(text, "base64").toString(),
            ]),
          ),
        }),
      );
    },
    async publish() {
      throw new Error("standalone takes no records from outside");
    },
    async close() {},
  };
}
