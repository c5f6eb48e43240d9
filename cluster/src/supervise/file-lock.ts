import { Database } from "bun:sqlite";

export type FileLock = { release: () => void };

/** Referenced while they are held: an object that is garbage collected would give up its lock. */
const held = new Set<Database>();

/**
 * Locks the file for this process, or returns `undefined` if another process holds it. The operating system releases
 * SQLite's lock when the process ends, however it ends: there is no stale lock to clean up.
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
