import { mkdtempSync } from "node:fs";
import { join } from "node:path";
import { openSqliteFile, type SqliteFile } from "../../src/sqlite/file.ts";

/** A new data folder in `parent`. */
export const newFolder = (parent: string) => mkdtempSync(join(parent, "data-"));

export function opened(folder: string, onCommit = () => {}): SqliteFile {
  const result = openSqliteFile(folder, onCommit);
  if (result.kind !== "opened") throw new Error(`It is ${JSON.stringify(result)}.`);
  return result.file;
}
