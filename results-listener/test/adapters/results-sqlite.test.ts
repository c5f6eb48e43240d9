import { expect, test } from "bun:test";
import {
  type DeadLetterDocument,
  type ResultRecord,
  type ResultRow,
  resultOf as resultOfRow,
} from "@sate/contracts";
import { sqliteResultsWriter } from "../../src/adapters/results-sqlite.ts";
import { Unavailable } from "../../src/ports.ts";
import { rejection, resultsWriterConformance } from "../conformance/results-writer.ts";
import { resultOf } from "../records.ts";
import { sqliteFile } from "../sqlite-file.ts";

resultsWriterConformance("sqliteResultsWriter", async () => {
  const file = sqliteFile();
  const { db } = file;
  return {
    writer: () => sqliteResultsWriter(file),
    async results(requestId: string) {
      const rows = db.query<ResultRow, [string]>("SELECT * FROM results WHERE request_id = ? ORDER BY _id");
      return rows.all(requestId).map(resultOfRow);
    },
    async letter(id: string) {
      return db.query<DeadLetterDocument, [string]>("SELECT * FROM dead_letters WHERE _id = ?").get(id);
    },
    // Every column must have a value.
    spoilt: (result: ResultRecord) => ({ ...result, payload_json: null as unknown as string }),
    writes: file.commits,
    async close() {
      db.close();
    },
  };
});

test("a database that cannot be used is unavailable, at the open and at every call", async () => {
  const file = sqliteFile();
  const writer = sqliteResultsWriter(file);
  file.db.close();
  for (const call of [writer.open, writer.ping, () => writer.record([resultOf("succeeded")])]) {
    expect(await rejection(call())).toBeInstanceOf(Unavailable);
  }
});

test("a write that cannot be committed is unavailable, and nothing of it is stored", async () => {
  const file = sqliteFile();
  const writer = sqliteResultsWriter({
    db: file.db,
    write: (work) =>
      file.write(() => {
        work();
        throw new Error("the disk is full");
      }),
  });
  await writer.open();
  expect(await rejection(writer.record([resultOf("succeeded")]))).toBeInstanceOf(Unavailable);
  expect(file.db.query("SELECT count(*) AS n FROM results").get()).toEqual({ n: 0 });
});

test("a database that belongs to another is not closed with the writer", async () => {
  const file = sqliteFile();
  const writer = sqliteResultsWriter(file);
  await writer.open();
  await writer.close();
  expect(file.db.query("SELECT 1 AS one").get()).toEqual({ one: 1 });
});
