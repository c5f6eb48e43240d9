import type { IncomingRecord, OutgoingRecord } from "@sate/contracts";
import type { SqliteFile } from "./adapters/group-commit.ts";

/**
 * The log of standalone: what Kafka is to the distributed system, in two tables of its SQLite file. Topics of one
 * partition, consumer groups with a committed offset each. A record is durable when `append` resolves.
 *
 * Records that every group has committed are of use only for a replay; the newest of each topic are kept for
 * that, older ones are deleted.
 */
export type LogFile = {
  append(records: OutgoingRecord[]): Promise<void>;
  /** Up to `limit` records from `offset` on, oldest first, and no more than about `bytesMax` of them. */
  read(topic: string, offset: number, limit: number, bytesMax: number): IncomingRecord[];
  /** The offset that the group goes on from. */
  committed(group: string, topic: string): number;
  /**
   * Stores the offset with the next commit that somebody waits for, or a moment later: losing it means
   * that records come once more. It never goes back.
   */
  commit(group: string, topic: string, offset: number): void;
  /** Calls `listener` after every commit that appended something. Answers how to end that. */
  subscribe(listener: () => void): () => void;
  /** The members of a group in the order in which they came: the first is at work, the others stand by. */
  members(group: string): Set<() => void>;
  /** Hands what waits to the file, then refuses. Does not close the file. Safe twice. */
  close(): void;
};

const schema = `
  CREATE TABLE IF NOT EXISTS records (
    topic TEXT NOT NULL,
    "offset" INTEGER NOT NULL,
    timestamp INTEGER NOT NULL,
    key BLOB,
    value BLOB,
    headers TEXT NOT NULL,
    PRIMARY KEY (topic, "offset")
  ) STRICT;
  CREATE TABLE IF NOT EXISTS offsets (
    "group" TEXT NOT NULL,
    topic TEXT NOT NULL,
    "offset" INTEGER NOT NULL,
    PRIMARY KEY ("group", topic)
  ) STRICT, WITHOUT ROWID;
`;

type Row = {
  offset: number;
  timestamp: number;
  key: Uint8Array | null;
  value: Uint8Array | null;
  headers: string;
};

/** How long an offset may wait for a commit of others. */
const offsetPauseMs = 200;
/** Old records are looked for each time that so many have come. */
const pruneEvery = 1_000;

export function openLogFile(options: {
  file: SqliteFile;
  clock: () => number;
  /** Committed records of a topic that are kept. */
  keptMax?: number;
}): LogFile {
  const { file, clock, keptMax = 10_000 } = options;
  const { db, writer } = file;
  db.run(schema);
  const listeners = new Set<() => void>();
  const groups = new Map<string, Set<() => void>>();
  const offsets = new Map<string, { group: string; topic: string; offset: number }>();
  let offsetTimer: ReturnType<typeof setTimeout> | null = null;
  let appended = 0;
  let isClosed = false;

  const insert = db.query(
    `INSERT INTO records (topic, "offset", timestamp, key, value, headers)
     VALUES (?1, (SELECT coalesce(max("offset"), -1) + 1 FROM records WHERE topic = ?1), ?2, ?3, ?4, ?5)`,
  );
  const select = db.query<Row, [string, number, number]>(
    `SELECT "offset", timestamp, key, value, headers FROM records
     WHERE topic = ? AND "offset" >= ? ORDER BY "offset" LIMIT ?`,
  );
  const upsert = db.query(
    `INSERT INTO offsets ("group", topic, "offset") VALUES (?, ?, ?)
     ON CONFLICT DO UPDATE SET "offset" = max("offset", excluded."offset")`,
  );
  // The last record of a topic always stays: the next offset is counted from it.
  const prune = db.query(
    `DELETE FROM records WHERE topic = ?1
       AND "offset" < (SELECT min("offset") FROM offsets WHERE topic = ?1)
       AND "offset" < (SELECT max("offset") FROM records WHERE topic = ?1) - ?2`,
  );

  /** Within a transaction: the offsets that wait. */
  function writeOffsets(): void {
    for (const { group, topic, offset } of offsets.values()) upsert.run(group, topic, offset);
    offsets.clear();
    if (offsetTimer !== null) clearTimeout(offsetTimer);
    offsetTimer = null;
  }

  return {
    async append(records) {
      if (isClosed) throw new Error("the log is closed");
      if (records.length === 0) return;
      await writer.write(() => {
        const now = Math.floor(clock());
        for (const { topic, key, value, headers } of records) {
          insert.run(topic, now, blob(key), blob(value), JSON.stringify(headers));
        }
        writeOffsets();
        appended += records.length;
        if (appended < pruneEvery) return;
        appended = 0;
        for (const topic of new Set(records.map((record) => record.topic))) prune.run(topic, keptMax);
      });
      for (const listener of listeners) listener();
    },

    read(topic, offset, limit, bytesMax) {
      const records: IncomingRecord[] = [];
      let bytes = 0;
      for (const row of select.iterate(topic, offset, limit)) {
        bytes += row.value?.length ?? 0;
        if (records.length > 0 && bytes > bytesMax) break;
        records.push(incoming(topic, row));
      }
      return records;
    },

    committed(group, topic) {
      const waiting = offsets.get(`${group} ${topic}`);
      if (waiting) return waiting.offset;
      const query = db.query<{ offset: number }, [string, string]>(
        `SELECT "offset" FROM offsets WHERE "group" = ? AND topic = ?`,
      );
      return query.get(group, topic)?.offset ?? 0;
    },

    commit(group, topic, offset) {
      if (isClosed) return;
      offsets.set(`${group} ${topic}`, { group, topic, offset });
      // A failed write of offsets is no loss, and whoever appends meets the same trouble.
      offsetTimer ??= setTimeout(() => void writer.write(writeOffsets).catch(() => {}), offsetPauseMs);
    },

    subscribe(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },

    members(group) {
      const members = groups.get(group) ?? new Set();
      groups.set(group, members);
      return members;
    },

    close() {
      if (isClosed) return;
      isClosed = true;
      if (offsetTimer !== null) clearTimeout(offsetTimer);
      if (offsets.size > 0) void writer.write(writeOffsets).catch(() => {});
    },
  };
}

function blob(value: string | Uint8Array | null): Uint8Array | null {
  return typeof value === "string" ? Buffer.from(value) : value;
}

function incoming(topic: string, { offset, timestamp, key, value, headers }: Row): IncomingRecord {
  const entries = Object.entries(JSON.parse(headers) as Record<string, string>);
  return {
    topic,
    partition: 0,
    offset: String(offset),
    timestamp: String(timestamp),
    key,
    value,
    headers: Object.fromEntries(entries.map(([name, text]) => [name, Buffer.from(text)])),
  };
}
