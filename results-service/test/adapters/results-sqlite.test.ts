import { expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { sqliteResultsReader } from "../../src/adapters/results-sqlite.ts";
import { Unavailable } from "../../src/ports.ts";
import { rejection, resultsReaderConformance } from "../conformance/results-reader.ts";
import { attemptsOf, resultOf } from "../results.ts";
import { resultsFile } from "../results-file.ts";

resultsReaderConformance("sqliteResultsReader", async () => {
  const file = resultsFile();
  file.make();
  return {
    reader: () => sqliteResultsReader({ path: file.path }),
    add: async (results) => file.add(results),
    close: async () => file[Symbol.dispose](),
  };
});

resultsReaderConformance("sqliteResultsReader on the file of its writer", async () => {
  const file = resultsFile();
  const db = file.make();
  return {
    reader: () => sqliteResultsReader({ file: { db } }),
    add: async (results) => file.add(results),
    close: async () => file[Symbol.dispose](),
  };
});

test("it waits for the file, and then for its tables, and makes neither", async () => {
  using file = resultsFile();
  const reader = sqliteResultsReader({ path: file.path });
  expect(await rejection(reader.open())).toBeInstanceOf(Unavailable);
  expect(readdirSync(file.dir)).toEqual([]);
  file.make({ tables: false });
  expect(await rejection(reader.open())).toBeInstanceOf(Unavailable);
  expect(await rejection(reader.ping())).toBeInstanceOf(Unavailable);
  file.make();
  await reader.open();
  await reader.ping();
  const result = resultOf();
  file.add([result]);
  const page = { requestId: result.request_id, afterAttempt: 0, limit: 1, bytesMax: 1 };
  expect(await reader.ofRequest(page)).toEqual({ results: [result], more: false });
  await reader.close();
});

test("a page that is not read to its end keeps nothing of the writer's log", async () => {
  using file = resultsFile();
  const db = file.make();
  const reader = sqliteResultsReader({ path: file.path });
  const requestId = Bun.randomUUIDv7();
  file.add(attemptsOf(requestId, [1, 2, 3, 4, 5]));
  await reader.ofRequest({ requestId, afterAttempt: 0, limit: 2, bytesMax: 1_000_000 });
  file.add(attemptsOf(requestId, [6]));
  // A checkpoint that somebody reads in the middle of would be busy.
  expect(db.query("PRAGMA wal_checkpoint(TRUNCATE)").get()).toMatchObject({ busy: 0 });
  expect(
    (await reader.ofRequest({ requestId, afterAttempt: 5, limit: 2, bytesMax: 1 })).results,
  ).toHaveLength(1);
  await reader.close();
});

test("while a commit of the writer is under way it reads what was there before", async () => {
  using file = resultsFile();
  const db = file.make();
  const reader = sqliteResultsReader({ path: file.path });
  const requestId = Bun.randomUUIDv7();
  file.add(attemptsOf(requestId, [1]));
  db.run("BEGIN IMMEDIATE");
  db.run("DELETE FROM results");
  const page = { requestId, afterAttempt: 0, limit: 10, bytesMax: 1_000_000 };
  expect((await reader.ofRequest(page)).results).toHaveLength(1);
  db.run("COMMIT");
  expect((await reader.ofRequest(page)).results).toHaveLength(0);
  await reader.close();
});
