import { describe, expect, test } from "bun:test";
import { BSON } from "mongodb";
import { canonical } from "../../src/move/canonical.ts";
import { beginMove } from "../../src/move/state.ts";
import { type MovedTable, movedTables, unmovedTables } from "../../src/move/tables.ts";
import { dataFolders } from "../data-folders.ts";
import { fileWithTables, fullRows, insertRow, type Row } from "./file.ts";

const newFolder = dataFolders();

/** Stores the row in the new database and reads it again. */
function throughMongo(table: MovedTable, record: object): object {
  const bytes = BSON.serialize(table.document(record), { ignoreUndefined: true });
  return table.ofDocument(BSON.deserialize(bytes, { promoteBuffers: true }) as { _id: string });
}

test("every table of the data file is moved, or named as one that is not", async () => {
  const { db, close } = await fileWithTables(newFolder());
  beginMove(db, "a move");
  const query = db.query<{ name: string }, []>("SELECT name FROM sqlite_schema WHERE type = 'table'");
  const tables = query.all().map(({ name }) => name);
  const moved = movedTables.map(({ name }) => name);
  expect(tables.filter((name) => !unmovedTables.includes(name)).toSorted()).toEqual(moved.toSorted());
  close();
});

describe.each(movedTables.map((table) => [table.name, table] as const))("of %s", (name, table) => {
  test("a record is the same from both databases, and so is one without what may be absent", async () => {
    const { db, close } = await fileWithTables(newFolder());
    type Column = { name: string; notnull: number };
    const columns = db.query<Column, [string]>("SELECT * FROM pragma_table_info(?)").all(name);
    const full = fullRows[name] as Row;
    expect(Object.keys(full).toSorted()).toEqual(columns.map((column) => column.name).toSorted());
    insertRow(db, name, full);
    const stored = db.query<Row, []>(`SELECT * FROM ${name}`).get() as Row;
    const record = table.ofRow(stored);
    expect(canonical(throughMongo(table, record))).toBe(canonical(record));
    const absent = columns.filter(({ notnull }) => notnull === 0).map((column) => [column.name, null]);
    const least = table.ofRow({ ...stored, ...Object.fromEntries(absent) });
    expect(canonical(throughMongo(table, least))).toBe(canonical(least));
    close();
  });

  test("a difference in any column makes two records differ", () => {
    const full = fullRows[name] as Row;
    const text = (row: Row) => canonical(table.ofRow(row));
    // They follow from other columns.
    const derived = { executions: ["result_id"], results: ["_id"], processors: ["name"] }[name] ?? [];
    for (const column of Object.keys(full)) {
      if (derived.includes(column)) continue;
      expect([column, text({ ...full, [column]: another(full[column]) }) !== text(full)]).toEqual([
        column,
        true,
      ]);
    }
  });
});

/** Another value of the same kind. JSON objects get another member. */
function another(value: Row[string] | undefined): Row[string] {
  if (typeof value === "number") return value === 1 ? 0 : value + 1;
  if (typeof value === "string") return value.startsWith('{"') ? value.replace("{", '{"z":1,') : `${value}z`;
  return new Uint8Array([7]);
}
