import { Database } from "bun:sqlite";

/** An open database in memory, or in a file, whose writes are each a transaction of their own. */
export function sqliteFile(path = ":memory:") {
  const db = new Database(path, { create: true, strict: true });
  let commits = 0;
  return {
    db,
    async write<T>(work: () => T): Promise<T> {
      const value = db.transaction(work).immediate() as T;
      commits++;
      return value;
    },
    commits: () => commits,
  };
}
