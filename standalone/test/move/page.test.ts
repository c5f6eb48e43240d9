import { expect, test } from "bun:test";
import { limits } from "@sate/contracts";
import type { MovePage } from "@sate/gateway";
import { createDigest } from "../../src/move/canonical.ts";
import { readPage } from "../../src/move/page.ts";
import { type MovedTable, movedTables } from "../../src/move/tables.ts";
import type { DataFile } from "../../src/sqlite/file.ts";
import { dataFolders } from "../data-folders.ts";
import { fileWithTables, fullRows, insertRow, type Row } from "./file.ts";

const newFolder = dataFolders();
const tableOf = (name: string) => movedTables.find((table) => table.name === name) as MovedTable;

function insertAll({ db }: DataFile, table: string, rows: Row[]): void {
  db.transaction(() => {
    for (const row of rows) insertRow(db, table, { ...fullRows[table], ...row });
  })();
}

function pagesOf({ db }: DataFile, name: string, as: "records" | "digest", settled = false): MovePage[] {
  const pages: MovePage[] = [];
  for (let after: string | undefined; pages.length === 0 || after !== undefined; ) {
    const page = readPage(db, tableOf(name), { settled, as, ...(after !== undefined && { after }) });
    pages.push(page);
    after = page.next;
  }
  return pages;
}

const textsOf = (pages: MovePage[]) => pages.flatMap((page) => ("records" in page ? page.records : []));
const keysOf = (name: string, texts: string[]) =>
  texts.map((text) => tableOf(name).document(JSON.parse(text))._id);

const requestId = (number: number) => `01976b1e-7f0e-7000-8f0a-${String(number).padStart(12, "0")}`;
const request = (number: number, more: Row = {}) => ({ id: requestId(number), start: null, ...more });

test("pages have every record once, in the order of the keys in the new database", async () => {
  const file = await fileWithTables(newFolder());
  const numbers = [1, 2, 9, 10, 11, 100];
  const chunks = numbers.flatMap((epoch) => numbers.map((sequence) => ({ epoch, sequence })));
  const rows = chunks.flatMap((chunk) =>
    [1, 2, 10].flatMap((attempt) =>
      [1, 2, 3, 4, 5].map((n) => ({ ...chunk, attempt, request_id: requestId(n) })),
    ),
  );
  insertAll(file, "logs", rows);
  const keys = keysOf("logs", textsOf(pagesOf(file, "logs", "records")));
  expect(keys).toHaveLength(rows.length);
  expect(keys).toEqual([...new Set(keys)].sort());
  expect(rows.length).toBeGreaterThan(limits.movedRecordsMax);
  file.close();
});

test("a page has as many records as the limit, and one more begins another", async () => {
  const file = await fileWithTables(newFolder());
  insertAll(
    file,
    "requests",
    Array.from({ length: limits.movedRecordsMax }, (_, number) => request(number)),
  );
  expect(pagesOf(file, "requests", "records").map(({ count }) => count)).toEqual([limits.movedRecordsMax]);
  insertAll(file, "requests", [request(limits.movedRecordsMax)]);
  expect(pagesOf(file, "requests", "records").map(({ count }) => count)).toEqual([limits.movedRecordsMax, 1]);
  file.close();
});

test("a page ends before it is too large, and a larger record has one to itself", async () => {
  const file = await fileWithTables(newFolder());
  const payload = (size: number) => `"${"x".repeat(size)}"`;
  const sizes = [0.4, 0.4, 0.4, 1.5, 0.1].map((share) => Math.floor(share * limits.movedBytesMax));
  insertAll(
    file,
    "requests",
    sizes.map((size, number) => request(number, { payload: payload(size) })),
  );
  expect(pagesOf(file, "requests", "records").map(({ count }) => count)).toEqual([2, 1, 1, 1]);
  file.close();
});

test("a digest is that of the page of records that begins at the same place", async () => {
  const file = await fileWithTables(newFolder());
  insertAll(
    file,
    "requests",
    Array.from({ length: 1_200 }, (_, number) => request(number)),
  );
  const digests = pagesOf(file, "requests", "digest").map(({ next, through, count, ...rest }) => {
    return { next, through, count, digest: "digest" in rest ? rest.digest : "" };
  });
  const expected = pagesOf(file, "requests", "records").map((page) => {
    const digest = createDigest();
    for (const text of textsOf([page])) digest.add(text);
    const { next, through, count } = page;
    return { next, through, count, digest: digest.value() };
  });
  expect(digests).toEqual(expected);
  expect(digests).toHaveLength(3);
  file.close();
});

test("settled executions have ended, and their outcome is published and its result confirmed; or they were removed", async () => {
  const file = await fileWithTables(newFolder());
  const rows = [
    { mark: null },
    { mark: "confirm" },
    { mark: "outcome" },
    { mark: null, status: "queued", outcome: null },
    { mark: null, status: "running", outcome: null },
    { mark: null, status: "failed" },
    { mark: null, status: "failed", outcome: null, removed_at: 1 },
  ];
  insertAll(
    file,
    "executions",
    rows.map((row, index) => ({ removed_at: null, ...row, attempt: index + 1 })),
  );
  const texts = textsOf(pagesOf(file, "executions", "records", true));
  expect(texts.map((text) => JSON.parse(text).attempt)).toEqual([1, 6, 7]);
  file.close();
});

test("a cursor that no page has returned is refused", async () => {
  const { db, close } = await fileWithTables(newFolder());
  for (const after of ["", "x", "[]", "[1,2]", '[{"a":1}]', "null"]) {
    const read = () => readPage(db, tableOf("requests"), { after, settled: false, as: "records" });
    expect(read).toThrow(RangeError);
  }
  close();
});
