import { Database } from "bun:sqlite";

export type FileLock = { release: () => void };

/** Referred to for as long as they are held: one that is forgotten would be collected, and with it the lock. */
const held = new Set<Database>();

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
  held.add(database);
  return {
    release() {
      held.delete(database);
      database.close();
    },
  };
}
