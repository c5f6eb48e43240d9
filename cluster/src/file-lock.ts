import { Database } from "bun:sqlite";

export type FileLock = { release: () => void };

/**
 * Takes the file for this process alone, or answers `undefined` if another one has it. SQLite's lock on a database
 * belongs to the process, so it is gone when the process is, however it ended: there is no stale lock to clean up.
 */
export function tryFileLock(path: string): FileLock | undefined {
  const database = new Database(path);
  try {
    database.exec("BEGIN EXCLUSIVE");
  } catch {
    database.close();
    return undefined;
  }
  return { release: () => database.close() };
}
