import type { Database } from "bun:sqlite";
import { limits } from "@sate/contracts";
import { fitting } from "@sate/contracts/runtime";
import type { MovePage } from "@sate/gateway";
import { canonical, createDigest } from "./canonical.ts";
import type { MovedTable } from "./tables.ts";

export type PageOptions = { after?: string; settled: boolean; as: "records" | "digest" };

/**
 * A page of a table, in the order of its keys. It ends at the same record whether records or a digest are wanted. Records
 * that are left out because they may still change count towards its limits, so that a page takes a bounded time to read.
 */
export function readPage(db: Database, table: MovedTable, { after, settled, as }: PageOptions): MovePage {
  const order = table.order.join(", ");
  const cursor = after === undefined ? [] : cursorOf(after, table.order.length);
  const places = table.order.map(() => "?").join(", ");
  const keys = table.order.map((expression, index) => `${expression} AS "${cursorColumn(index)}"`).join(", ");
  const where = cursor.length > 0 ? `WHERE (${order}) > (${places})` : "";
  const sql = `SELECT *, ${keys} FROM "${table.name}" ${where} ORDER BY ${order} LIMIT ${limits.movedRecordsMax + 1}`;
  const fits = fitting<string>({
    itemsMax: limits.movedRecordsMax,
    sizeMax: limits.movedBytesMax,
    sizeOf: (text) => text.length,
  });
  const records: string[] = [];
  let last: { next: string; through: string } | undefined;
  for (const row of db.query<Row, (string | number)[]>(sql).iterate(...cursor)) {
    const { position, rest } = withoutCursor(row, table.order.length);
    const record = table.ofRow(rest);
    const text = canonical(record);
    if (!fits(text)) return { ...last, ...contentOf(records, as) };
    if (!settled || table.isSettled?.(record)) records.push(text);
    last = { next: JSON.stringify(position), through: table.document(record)._id };
  }
  return { ...(last && { through: last.through }), ...contentOf(records, as) };
}

type Row = Record<string, string | number | null>;

const cursorColumn = (index: number) => `cursor ${index}`;

/** The values by which the row is ordered, and its own columns. */
function withoutCursor(row: Row, length: number) {
  const rest = { ...row };
  const position: Row[string][] = [];
  for (let index = 0; index < length; index++) {
    const name = cursorColumn(index);
    position.push(rest[name] ?? null);
    delete rest[name];
  }
  return { position, rest };
}

function contentOf(records: string[], as: PageOptions["as"]) {
  const count = records.length;
  return as === "records" ? { count, records } : { count, digest: digestOf(records) };
}

function digestOf(records: string[]): string {
  const digest = createDigest();
  for (const text of records) digest.add(text);
  return digest.value();
}

/** Throws `RangeError` unless it is the `next` of a page of a table with this order. */
function cursorOf(after: string, length: number): (string | number)[] {
  const values = parsed(after);
  const isCursor =
    Array.isArray(values) &&
    values.length === length &&
    values.every((value) => typeof value === "string" || typeof value === "number");
  if (!isCursor) throw new RangeError("not a cursor of this table");
  return values;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
