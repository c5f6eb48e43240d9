import { expect, test } from "bun:test";
import {
  type DeadLetterDocument,
  type ResultRecord,
  type ResultRow,
  resultOf as resultOfRow,
  Unavailable,
} from "@sate/contracts";
import { rejection } from "@sate/contracts/test/support/settled.ts";
import { sqliteResultsWriter } from "../../../src/adapters/sqlite/writer.ts";
import { deadLetterOf, resultsWriterConformance } from "../../conformance/results-writer.ts";
import { resultOf } from "../../records.ts";
import { sqliteFile } from "../../sqlite-file.ts";

resultsWriterConformance("sqliteResultsWriter", async () => {
  const file = sqliteFile();
  const { db } = file;
  return {
    writer: () => sqliteResultsWriter(file),
    async results(requestId: string) {
      const rows = db.query<ResultRow, [string]>(
        "SELECT * FROM results WHERE request_id = ? AND removed_at IS NULL ORDER BY _id",
      );
      return rows.all(requestId).map(resultOfRow);
    },
    async stored(requestId: string) {
      return JSON.stringify(db.query("SELECT * FROM results WHERE request_id = ?").all(requestId));
    },
    async deadLetter(id: string) {
      return db.query<DeadLetterDocument, [string]>("SELECT * FROM dead_letters WHERE _id = ?").get(id);
    },
    // Every column must have a value.
    invalid: (result: ResultRecord) => ({ ...result, payload_json: null as unknown as string }),
    writes: file.commits,
    async close() {
      db.close();
    },
  };
});

test("a database that cannot be used is unavailable, in open and in every other call", async () => {
  const file = sqliteFile();
  const writer = sqliteResultsWriter(file);
  file.db.close();
  for (const call of [writer.open, writer.ping, () => writer.recordResults([resultOf("succeeded")])]) {
    expect(await rejection(call())).toBeInstanceOf(Unavailable);
  }
});

test("a write that cannot be committed is unavailable, and none of it is stored", async () => {
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
  expect(await rejection(writer.recordResults([resultOf("succeeded")]))).toBeInstanceOf(Unavailable);
  expect(await rejection(writer.storeDeadLetters([deadLetterOf({})]))).toBeInstanceOf(Unavailable);
  for (const table of ["results", "dead_letters"]) {
    expect(file.db.query(`SELECT count(*) AS n FROM ${table}`).get()).toEqual({ n: 0 });
  }
});

test("closing the writer does not close the database", async () => {
  const file = sqliteFile();
  const writer = sqliteResultsWriter(file);
  await writer.open();
  await writer.close();
  expect(file.db.query("SELECT 1 AS one").get()).toEqual({ one: 1 });
});
