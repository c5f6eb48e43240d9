import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type DeadLetterDocument,
  type ResultRecord,
  type ResultRow,
  resultOf as resultOfRow,
} from "@sate/contracts";
import { closeSqliteFile, openSqliteFile } from "../../src/adapters/group-commit.ts";
import { sqliteResultsWriter } from "../../src/adapters/results-sqlite.ts";
import { type Counters, createCounters } from "../../src/counters.ts";
import { type ResultsWriter, Unavailable } from "../../src/ports.ts";
import { rejection, resultsWriterConformance } from "../conformance/results-writer.ts";
import { resultOf } from "../records.ts";

const folder = () => mkdtempSync(join(tmpdir(), "sate-results-writer-"));

type Make = (parts: { path: string; counters: Counters }) => {
  writer: () => ResultsWriter;
  close: () => void;
};

function databaseWith(make: Make) {
  return async () => {
    const dir = folder();
    const path = join(dir, "results.db");
    const counters = createCounters();
    const { writer, close } = make({ path, counters });
    const reader = () => new Database(path, { readonly: true, strict: true });
    return {
      writer,
      async results(requestId: string) {
        using db = reader();
        const rows = db.query<ResultRow, [string]>("SELECT * FROM results WHERE request_id = ? ORDER BY _id");
        return rows.all(requestId).map(resultOfRow);
      },
      async letter(id: string) {
        using db = reader();
        return db.query<DeadLetterDocument, [string]>("SELECT * FROM dead_letters WHERE _id = ?").get(id);
      },
      // Every column must have a value.
      spoilt: (result: ResultRecord) => ({ ...result, payload_json: null as unknown as string }),
      writes: () => counters.read().sqlite_commits ?? 0,
      async close() {
        close();
        rmSync(dir, { recursive: true });
      },
    };
  };
}

resultsWriterConformance(
  "sqliteResultsWriter",
  databaseWith((options) => ({ writer: () => sqliteResultsWriter(options), close: () => {} })),
);

resultsWriterConformance(
  "sqliteResultsWriter on a file that it shares",
  databaseWith(({ path, counters }) => {
    const file = openSqliteFile(path, () => counters.add("sqlite_commits"));
    return { writer: () => sqliteResultsWriter({ file }), close: () => closeSqliteFile(file) };
  }),
);

test("results and letters of one turn share a commit, and are on the disk when it is acknowledged", async () => {
  const dir = folder();
  const path = join(dir, "results.db");
  const counters = createCounters();
  const writer = sqliteResultsWriter({ path, counters });
  await writer.open();
  const results = Array.from({ length: 50 }, () => resultOf("succeeded"));
  await Promise.all(results.map((result) => writer.record([result])));
  expect(counters.read().sqlite_commits).toBe(1);
  using other = new Database(path, { readonly: true });
  expect(other.query("SELECT count(*) AS n FROM results").get()).toEqual({ n: 50 });
  expect(other.query("PRAGMA journal_mode").get()).toEqual({ journal_mode: "wal" });
  await writer.close();
  rmSync(dir, { recursive: true });
});

test("a file that cannot be opened is unavailable, until it can", async () => {
  const dir = folder();
  const path = join(dir, "later", "results.db");
  const writer = sqliteResultsWriter({ path, counters: createCounters() });
  expect(await rejection(writer.open())).toBeInstanceOf(Unavailable);
  expect(await rejection(writer.record([resultOf("succeeded")]))).toBeInstanceOf(Unavailable);
  mkdirSync(join(dir, "later"));
  await writer.open();
  expect(await writer.record([resultOf("succeeded")])).toEqual(["stored"]);
  await writer.close();
  rmSync(dir, { recursive: true });
});

test("a file of something else is unavailable, and stays as it is", async () => {
  const dir = folder();
  const path = join(dir, "results.db");
  await Bun.write(path, "this is not a database, and nobody should make it one".repeat(100));
  const writer = sqliteResultsWriter({ path, counters: createCounters() });
  expect(await rejection(writer.open())).toBeInstanceOf(Unavailable);
  await writer.close();
  expect(await Bun.file(path).text()).toStartWith("this is not a database");
  rmSync(dir, { recursive: true });
});
