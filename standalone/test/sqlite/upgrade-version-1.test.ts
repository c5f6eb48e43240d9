import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { resultsSchema } from "@sate/contracts";
import { sqliteStore } from "@sate/requests-service/sqlite";
import { sqliteResultsWriter } from "@sate/results-listener/sqlite";
import { sqliteResultsReader } from "@sate/results-service/sqlite";
import { schema } from "../../../requests-service/src/adapters/sqlite/schema.ts";
import { dataFolders } from "../data-folders.ts";
import { opened } from "./opened.ts";

/**
 * The dump of a data folder of schema version 1, whose process was killed: a success, a failure of the processor
 * `word-count`, one execution that was running and one of `word-count` that was queued.
 */
const version1 = readFileSync(join(import.meta.dir, "fixtures/version-1.sql"), "utf8");
const version2 = readFileSync(join(import.meta.dir, "fixtures/version-2.sql"), "utf8");
const release010 = readFileSync(join(import.meta.dir, "fixtures/0.1.0.sql"), "utf8");
const newFolder = dataFolders();

/** A folder whose file was written by `sql`. */
function folderOf(sql = version1): string {
  const folder = newFolder();
  using db = new Database(join(folder, "sate.db"), { create: true });
  db.run("PRAGMA journal_mode = WAL");
  db.run(sql);
  return folder;
}

/** The file, upgraded, with the tables that the services create. */
async function upgraded(folder = folderOf()) {
  const file = opened(folder);
  const store = sqliteStore(file);
  for (const part of [store, sqliteResultsWriter(file)]) await part.open();
  return { file, store };
}

/** Each table's columns and each index, however they came about. */
function shapeOf(db: Database): Record<string, unknown> {
  const entries = db
    .query<{ type: string; name: string; sql: string }, []>(
      "SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name",
    )
    .all()
    .map(({ type, name, sql }) => {
      if (type !== "table") return [name, sql.replaceAll(/\s+/g, " ").replace(" IF NOT EXISTS", "")];
      const columns = db
        .query<Record<string, unknown>, [string]>(
          'SELECT name, type, "notnull", pk FROM pragma_table_info(?) ORDER BY name',
        )
        .all(name);
      return [name, columns];
    });
  return Object.fromEntries(entries);
}

test("an upgraded file has the tables, columns and indexes of a new one, also from 0.1.0 and if some tables were missing", async () => {
  using fresh = new Database(":memory:");
  fresh.run(resultsSchema + schema);
  const lacking = [
    "DROP TABLE executions; DROP TABLE workers;",
    "DROP TABLE results; DROP TABLE refusals;",
  ].map((drops) => version1 + drops);
  for (const sql of [version2, version1, release010, ...lacking]) {
    const { file } = await upgraded(folderOf(sql));
    expect(shapeOf(file.db)).toEqual(shapeOf(fresh));
    file.close();
  }
});

test("executions have the processor of their request and no tries, and nothing else has changed", async () => {
  const { file, store } = await upgraded();
  const executions = file.db
    .query<{ status: string; processor: string; tries: number; mark: string | null }, []>(
      "SELECT status, processor, tries, mark FROM executions ORDER BY request_id",
    )
    .all();
  expect(executions.map(({ status, processor, tries, mark }) => [status, processor, tries, mark])).toEqual([
    ["succeeded", "simulate", 0, "confirm"],
    ["failed", "word-count", 0, "confirm"],
    ["running", "simulate", 0, null],
    ["queued", "word-count", 0, "execution:0"],
  ]);
  const queues = await store.runs.queued([
    { processor: "word-count", limit: 5 },
    { processor: "simulate", limit: 5 },
  ]);
  expect(queues.map((queue) => queue.length)).toEqual([1, 0]);
  expect((await store.runs.running({ limit: 5 })).map(({ deadline_at }) => deadline_at)).toEqual([undefined]);
  expect(await store.workers.list({ limit: 5 })).toEqual([]);
  file.close();
});

test("results are read as they were, without what version 1 did not record", async () => {
  const { file } = await upgraded();
  const reader = sqliteResultsReader(file);
  const ids = file.db.query<{ request_id: string }, []>("SELECT request_id FROM results ORDER BY 1").all();
  for (const [index, { request_id }] of ids.entries()) {
    const { results } = await reader.ofRequest(request_id, 0, { limit: 5, bytesMax: 1_000 });
    expect(results).toMatchObject([{ is_success: index === 0, attempt: 1 }]);
    expect(results[0]?.processor).toBeUndefined();
  }
  file.close();
});

test("an upgraded file opens again and stays as it is", async () => {
  const folder = folderOf();
  (await upgraded(folder)).file.close();
  const { file, store } = await upgraded(folder);
  expect((await store.runs.running({ limit: 5 })).length).toBe(1);
  file.close();
});
