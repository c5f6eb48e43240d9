import { expect, test } from "bun:test";
import { Unavailable } from "@sate/contracts";
import { rejection } from "@sate/contracts/test/support/settled.ts";
import { sqliteResultsReader } from "../../../src/adapters/sqlite/reader.ts";
import { resultsReaderConformance } from "../../conformance/results-reader.ts";
import { resultOf } from "../../results.ts";
import { resultsFile } from "../../results-file.ts";

resultsReaderConformance("sqliteResultsReader", async () => {
  const file = resultsFile();
  file.makeTables();
  return {
    reader: () => sqliteResultsReader(file),
    add: async (results) => file.add(results),
    close: async () => file[Symbol.dispose](),
  };
});

test("it waits for the tables, and does not create them", async () => {
  using file = resultsFile();
  const reader = sqliteResultsReader(file);
  expect(await rejection(reader.open())).toBeInstanceOf(Unavailable);
  expect(await rejection(reader.ping())).toBeInstanceOf(Unavailable);
  expect(file.db.query("SELECT name FROM sqlite_schema").all()).toEqual([]);
  file.makeTables();
  await reader.open();
  await reader.ping();
  const result = resultOf();
  file.add([result]);
  const page = await reader.ofRequest(result.request_id, 0, { limit: 1, bytesMax: 1 });
  expect(page).toEqual({ results: [result], more: false });
});

test("closing the reader does not close the database", async () => {
  using file = resultsFile();
  file.makeTables();
  const reader = sqliteResultsReader(file);
  await reader.open();
  await reader.close();
  expect(file.db.query("SELECT 1 AS one").get()).toEqual({ one: 1 });
});
