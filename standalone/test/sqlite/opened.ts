import { createLog } from "@sate/contracts/runtime";
import { type DataFile, openSqliteFile } from "../../src/sqlite/file.ts";

/** `onLine` gets the lines of its log. */
export function open(folder: string, onCommit = () => {}, onLine: (line: string) => void = () => {}) {
  return openSqliteFile(folder, { onCommit, log: createLog("standalone", "info", onLine) });
}

/** The same, for a folder that must not be refused. */
export function opened(...args: Parameters<typeof open>): DataFile {
  const result = open(...args);
  if (result.kind !== "opened") throw new Error(result.reason);
  return result.file;
}
