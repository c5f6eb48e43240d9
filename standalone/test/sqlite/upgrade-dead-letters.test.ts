import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { sqliteResultsWriter } from "@sate/results-listener/sqlite";
import { sqliteResultsReader } from "@sate/results-service/sqlite";
import { dataFolders } from "../data-folders.ts";
import { opened } from "./opened.ts";

/** The dump of a data folder of schema version 1, whose dead letters are those of version 2. */
const version1 = readFileSync(join(import.meta.dir, "fixtures/version-1.sql"), "utf8");
const newFolder = dataFolders();

type Row = { id: string; reason: string; value: string; headers?: Record<string, string> };

function folderWith(rows: Row[]): string {
  const folder = newFolder();
  using db = new Database(join(folder, "sate.db"), { create: true });
  db.run("PRAGMA journal_mode = WAL");
  db.run(version1);
  const insert = db.query(
    `INSERT INTO dead_letters (_id, time, "partition", "offset", reason, value, headers) VALUES (?, ?, 0, '0', ?, ?, ?)`,
  );
  for (const [index, { id, reason, value, headers = {} }] of rows.entries()) {
    const texts = Object.entries({ ...headers, reason }).map(([name, text]) => [name, btoa(text)]);
    insert.run(id, index, reason, Buffer.from(value), JSON.stringify(Object.fromEntries(texts)));
  }
  return folder;
}

test("stored dead letters get what their records say of their request and execution", async () => {
  const requestId = "01a21632-e476-704e-b3d7-b873a04850a5";
  const executionId = "01a21632-e49a-7183-9ee4-97386d140c70";
  const time = "2026-11-26 04:52:43.807000";
  const outcome = {
    ...{
      id: "01a21632-e568-74b3-bc35-c8820801746b",
      is_success: false,
      outputs: {},
      processor: "word-count",
    },
    ...{ processing_start_time: time, processing_end_time: time, processing_total_seconds: 1 },
    execution: {
      ...{ id: executionId, attempt: 2, force_error: false, creation_date: time },
      processing_request: { id: requestId, payload: 1 },
    },
  };
  const refused = { processing_request: { id: requestId } };
  const file = opened(
    folderWith([
      { id: "a", reason: "lost", value: JSON.stringify(outcome) },
      { id: "b", reason: "max_failures", value: JSON.stringify(refused) },
      { id: "c", reason: "unreadable_record", value: "?" },
    ]),
  );
  await sqliteResultsWriter(file).open();
  const reader = sqliteResultsReader(file);
  const { dead_letters } = await reader.deadLetters.list({ limit: 10 });
  const position = { partition: 0, offset: "0" };
  expect(dead_letters).toEqual([
    { id: "c", time: 2, reason: "unreadable_record", ...position },
    { id: "b", time: 1, reason: "max_failures", ...position, request_id: requestId },
    {
      ...{ id: "a", time: 0, reason: "lost", ...position, request_id: requestId },
      ...{ attempt: 2, execution_id: executionId, processor: "word-count" },
    },
  ]);
  file.close();
});
