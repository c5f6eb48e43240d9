/**
 * Summarizes a CSV file: the type, the range and the number of missing values of each column.
 *
 * A module: one TypeScript file whose name is the processor's name. It needs no package and no build.
 */
import { defineProcessor, Failure, Type } from "sate";

export default defineProcessor({
  // A payload that does not match is refused with 422 at POST /requests, before anything is stored.
  input: Type.Object({
    csv: Type.String({ minLength: 1 }),
    delimiter: Type.Optional(Type.String({ minLength: 1, maxLength: 1 })),
  }),
  timeoutSeconds: 30,

  async run({ csv, delimiter = "," }, context) {
    const [header, ...rows] = parse(csv, delimiter);
    // A failure that the client can fix. Anything else that is thrown is an unexpected error.
    if (header === undefined || rows.length === 0)
      throw new Failure(
        "no_rows",
        "The file needs a line with the names of its columns, and at least one row.",
      );
    const wrong = rows.findIndex((row) => row.length !== header.length);
    if (wrong >= 0)
      throw new Failure(
        "uneven_row",
        `Row ${wrong + 1} has ${rows[wrong]?.length} fields, not ${header.length}.`,
      );

    const columns: Record<string, Summary> = {};
    for (const [index, name] of header.entries()) {
      columns[name] = summaryOf(rows.map((row) => row[index] as string));
      context.progress((index + 1) / header.length, `column ${name}`);
    }
    context.log(`${rows.length} rows, ${header.length} columns`);
    return { rows: rows.length, columns };
  },
});

type Summary = {
  type: "number" | "text";
  missing: number;
  distinct: number;
  min?: number;
  max?: number;
  mean?: number;
};

function summaryOf(values: string[]): Summary {
  const present = values.filter((value) => value.trim() !== "");
  const counts = { missing: values.length - present.length, distinct: new Set(present).size };
  const numbers = present.map(Number);
  if (numbers.length === 0 || numbers.some(Number.isNaN)) return { type: "text", ...counts };
  let [min, max, sum] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0];
  for (const number of numbers) {
    min = Math.min(min, number);
    max = Math.max(max, number);
    sum += number;
  }
  return { type: "number", ...counts, min, max, mean: sum / numbers.length };
}

/** Rows of fields, by RFC 4180: quoted fields may contain the delimiter, line breaks and doubled quotes. */
function parse(csv: string, delimiter: string): string[][] {
  const rows: string[][] = [[]];
  let field = "";
  let isQuoted = false;
  const endField = () => {
    rows.at(-1)?.push(field);
    field = "";
  };
  for (let at = 0; at < csv.length; at++) {
    const char = csv[at] as string;
    if (isQuoted) {
      if (char !== '"') field += char;
      else if (csv[at + 1] === '"') field += csv[at++];
      else isQuoted = false;
    } else if (char === '"') isQuoted = true;
    else if (char === delimiter) endField();
    else if (char === "\n") {
      endField();
      rows.push([]);
    } else if (char !== "\r") field += char;
  }
  endField();
  // A file may end with a line break or without one.
  return rows.filter((row) => row.length > 1 || row[0] !== "");
}
