import type { Database } from "bun:sqlite";
import { deadLetterSubjectColumns, type IncomingRecord, resultsSchema } from "@sate/contracts";
import { deadLetterDocument, insertDeadLetters } from "@sate/results-listener/sqlite";
import { addColumns } from "./add-columns.ts";

/** The first columns of each of its tables. */
const tables = new Map([
  ["requests", "id,payload,processor,creation_date"],
  ["executions", "request_id,attempt,id,force_error"],
  ["workers", "id,beats,given_up"],
  ["results", "_id,request_id,attempt,execution_id"],
  ["dead_letters", "_id,time,partition,offset"],
  ["records", "topic,offset,timestamp,key,value,headers"],
  ["offsets", "group,topic,offset"],
]);

type RecordRow = {
  offset: number;
  timestamp: number;
  key: Uint8Array | null;
  value: Uint8Array | null;
  headers: string;
};

/** Whether a file without a version was written by 0.1.0: it has tables of it, and no others. */
export function isRelease010(db: Database): boolean {
  const columns = db.query<{ names: string }, [string]>(
    "SELECT group_concat(name) AS names FROM pragma_table_info(?)",
  );
  return tablesOf(db).every((name) => {
    const first = tables.get(name);
    return first !== undefined && columns.get(name)?.names.startsWith(first);
  });
}

/**
 * 0.1.0 kept a log of records and offsets in the file. Only the log had the dead letters that results-listener had not
 * read yet; they are stored as results-listener would have stored them. Executions and their outcomes are in a table of
 * their own; outcomes without a confirmed result are published again, which readers tolerate. The rest of the log is of
 * no use and is dropped.
 */
export function upgradeRelease010(db: Database): void {
  // The indexes of the schema need them.
  addColumns(db, "dead_letters", deadLetterSubjectColumns);
  db.run(resultsSchema);
  const has = new Set(tablesOf(db));
  if (has.has("records")) {
    const unread = db.query<RecordRow, []>(
      `SELECT "offset", timestamp, key, value, headers FROM records
       WHERE topic = 'dead_letter_queue' AND "offset" >= ${has.has("offsets") ? committed : "0"} ORDER BY "offset"`,
    );
    for (const row of unread.iterate()) {
      const [isKept] = insertDeadLetters(db, [deadLetterDocument(recordOf(row))]);
      if (!isKept) throw new Error(`The dead letter ${row.offset} of 0.1.0 could not be kept.`);
    }
  }
  if (has.has("executions")) db.run("UPDATE executions SET mark = 'outcome' WHERE mark = 'confirm'");
  db.run("DROP TABLE IF EXISTS records");
  db.run("DROP TABLE IF EXISTS offsets");
}

const committed = `coalesce(
  (SELECT "offset" FROM offsets WHERE "group" = 'results-listener' AND topic = 'dead_letter_queue'), 0)`;

function tablesOf(db: Database): string[] {
  const query = db.query<{ name: string }, []>("SELECT name FROM sqlite_schema WHERE type = 'table'");
  return query.all().map(({ name }) => name);
}

function recordOf({ offset, timestamp, key, value, headers }: RecordRow): IncomingRecord {
  const entries = Object.entries(JSON.parse(headers) as Record<string, string>);
  return {
    topic: "dead_letter_queue",
    partition: 0,
    offset: String(offset),
    timestamp: String(timestamp),
    key,
    value,
    headers: Object.fromEntries(entries.map(([name, text]) => [name, Buffer.from(text)])),
  };
}
