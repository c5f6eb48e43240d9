import { Database } from "bun:sqlite";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export type Lock = { kind: "locked"; release(): void } | { kind: "taken"; pid: string | null };

/**
 * At most one process on a data folder. The lock is SQLite's own on a file of its own, which the operating
 * system takes back when the process ends, however it ends; the file itself stays and means nothing.
 */
export function lockFolder(folder: string): Lock {
  const pidFile = join(folder, "pid");
  const db = new Database(join(folder, "lock.db"), { create: true });
  try {
    db.run("PRAGMA busy_timeout = 0");
    db.run("BEGIN EXCLUSIVE");
  } catch (error) {
    db.close();
    if ((error as { code?: string }).code !== "SQLITE_BUSY") throw error;
    return { kind: "taken", pid: existsSync(pidFile) ? readFileSync(pidFile, "utf8").trim() : null };
  }
  writeFileSync(pidFile, `${process.pid}\n`);
  return { kind: "locked", release: () => db.close() };
}
