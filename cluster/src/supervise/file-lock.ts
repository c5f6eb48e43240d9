import { Database } from "bun:sqlite";

/** Referenced while they are held: a lock whose object is garbage collected is released. */
const held = new Set<Database>();

/**
 * Locks the file for this process and returns what releases it, or `undefined` if another process holds it. The
 * operating system releases SQLite's lock when the process ends, however it ends, so there are no stale locks.
 */
export function tryFileLock(path: string): (() => void) | undefined {
  const database = new Database(path);
  try {
    database.exec("BEGIN EXCLUSIVE");
  } catch {
    database.close();
    return undefined;
  }
  held.add(database);
  return () => {
    held.delete(database);
    database.close();
  };
}
