import { expect, spyOn, test } from "bun:test";
import { Unavailable } from "@sate/contracts";
import { rejection } from "@sate/contracts/test/support/settled.ts";
import { sqliteResultsReader } from "../../../src/adapters/sqlite/reader.ts";
import { deadLettersConformance } from "../../conformance/dead-letters.ts";
import { resultsReaderConformance } from "../../conformance/results-reader.ts";
import { resultOf } from "../../results.ts";
import { resultsFile } from "../../results-file.ts";

resultsReaderConformance("sqliteResultsReader", async () => {
  const file = resultsFile();
  file.makeTables();
  return {
    reader: () => sqliteResultsReader(file),
    add: async (results) => file.add(results),
    remove: async (executions) => file.remove(executions),
    close: async () => file[Symbol.dispose](),
  };
});

deadLettersConformance("sqliteResultsReader", async () => {
  const file = resultsFile();
  file.makeTables();
  return {
    reader: () => sqliteResultsReader(file),
    addDeadLetters: async (deadLetters) => file.addDeadLetters(deadLetters),
    // An upgraded file has the columns, without values if the record could not be read.
    addOld: async (deadLetters) => {
      const nothing = { request_id: null, attempt: null, execution_id: null, processor: null };
      file.addDeadLetters(deadLetters.map((one) => ({ ...one, ...nothing })));
    },
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

test("every list of dead letters reads one index and sorts nothing", async () => {
  using file = resultsFile();
  file.makeTables();
  const statements = spyOn(file.db, "query");
  const reader = sqliteResultsReader(file);
  const conditions = [{}, { processor: "p" }, { reason: "lost" }, { processor: "p", reason: "lost" }];
  const times = [{}, { since: 1 }, { since: 1, until: 2, before: { time: 2, id: "x" } }];
  for (const one of conditions)
    for (const time of times) await reader.deadLetters.list({ limit: 10, ...one, ...time });
  const lists = new Set(statements.mock.calls.map(([sql]) => sql).filter((sql) => sql.includes("ORDER BY")));
  expect(lists.size).toBe(12);
  for (const sql of lists) {
    const plan = file.db.query<{ detail: string }, []>(`EXPLAIN QUERY PLAN ${sql}`).all();
    expect(plan.map(({ detail }) => detail)).toEqual([
      expect.stringMatching(/(SEARCH|SCAN) dead_letters USING COVERING INDEX/),
    ]);
  }
});

test("closing the reader does not close the database", async () => {
  using file = resultsFile();
  file.makeTables();
  const reader = sqliteResultsReader(file);
  await reader.open();
  await reader.close();
  expect(file.db.query("SELECT 1 AS one").get()).toEqual({ one: 1 });
});
