import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import {
  type DeadLetterDocument,
  executionKey,
  limits,
  type ResultRecord,
  type ResultRow,
  resultDocument,
  resultKeysAfter,
  resultOf,
  resultRow,
  resultsCollections,
  resultsSchema,
} from "../../src/index.ts";
import { hostilePayloads } from "../random-json.ts";

const requestId = "01976b1e-7f0e-7000-8f0a-4b9b2f0a6c1d";
const success: ResultRecord = {
  id: "01976b1e-7f0e-7000-8f0a-4b9b2f0a6c1f",
  request_id: requestId,
  attempt: 2,
  execution_id: "01976b1e-7f0e-7000-8f0a-4b9b2f0a6c1e",
  is_success: true,
  processing_start_time: "2020-11-07 16:54:14.434825",
  processing_end_time: "2020-11-07 16:54:24.441799",
  processing_total_seconds: 10,
  outputs_json: "{}",
  force_error: false,
  creation_date: "2020-11-07 16:31:58.103057",
  payload_json: "null",
};
const failure: ResultRecord = {
  ...success,
  is_success: false,
  force_error: true,
  error: {
    code: "timeout",
    message: "\ud800 too late",
    of_a_later_version: { $where: 1 },
  } as ResultRecord["error"] & object,
};

function open(): Database {
  const db = new Database(":memory:", { strict: true });
  db.run(resultsSchema);
  db.run(resultsSchema); // it can be repeated
  return db;
}

function columns(db: Database, table: string): string[] {
  return db
    .query<{ name: string }, []>(`PRAGMA table_info(${table})`)
    .all()
    .map(({ name }) => name);
}

test("a result is unchanged after a document and after a row", () => {
  const texts = hostilePayloads.map((text) => ({ ...success, payload_json: text, outputs_json: text }));
  for (const result of [success, failure, ...texts]) {
    expect(resultOf(resultDocument(result))).toEqual(result);
    expect(resultOf(resultRow(result))).toEqual(result);
  }
  expect(resultDocument(success)).not.toHaveProperty("error");
  expect(resultDocument(failure)._id).toBe(executionKey(requestId, 2));
});

test("the tables have the fields of the documents as columns and accept a row", () => {
  const db = open();
  const row = resultRow(failure);
  expect(columns(db, resultsCollections.results).toSorted()).toEqual(Object.keys(row).toSorted());
  const names = Object.keys(row);
  db.query(`INSERT INTO results (${names}) VALUES (${names.map((name) => `$${name}`)})`).run(row);
  const stored = db.query<ResultRow, []>("SELECT * FROM results").get() as ResultRow;
  expect(resultOf(stored)).toEqual(failure);
  const letter: Record<keyof DeadLetterDocument, true> = {
    _id: true,
    time: true,
    partition: true,
    offset: true,
    reason: true,
    detail: true,
    origin_topic: true,
    origin_partition: true,
    origin_offset: true,
    key: true,
    value: true,
    headers: true,
    cut: true,
  };
  expect(columns(db, resultsCollections.deadLetters).toSorted()).toEqual(Object.keys(letter).toSorted());
});

test("the key range contains the results of a request's later attempts and no others", () => {
  const neighbours = [
    requestId.replace(/d$/, "c"),
    requestId,
    requestId.replace(/d$/, "e"),
    `${requestId.slice(0, -1)}0`,
  ];
  const keys = neighbours.flatMap((id) =>
    [1, 2, 10, limits.attemptMax].map((attempt) => executionKey(id, attempt)),
  );
  const between = (after: number) => {
    const { above, below } = resultKeysAfter(requestId, after);
    return keys.filter((key) => key > above && key < below);
  };
  expect(between(0)).toEqual(
    [1, 2, 10, limits.attemptMax].map((attempt) => executionKey(requestId, attempt)),
  );
  expect(between(2)).toEqual([10, limits.attemptMax].map((attempt) => executionKey(requestId, attempt)));
  for (const after of [limits.attemptMax, 1_000_000, 1e21, Number.MAX_SAFE_INTEGER])
    expect(between(after)).toEqual([]);
});
