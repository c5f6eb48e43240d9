import { Database } from "bun:sqlite";
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import { groupCommit } from "./group-commit.ts";
import { upgrade } from "./schema-version.ts";

/** The open database. Services read through `db` and write through `write`, so that their writes share commits. */
export type SqliteFile = {
  db: Database;
  /**
   * Runs `work` (synchronous, on `db`) in the next group commit and resolves with what it returned once that commit
   * is durable. If `work` throws, its own changes alone are undone and it alone rejects.
   */
  write<T>(work: () => T): Promise<T>;
  /** Why the file cannot be trusted any more, a sentence for people, or `null`. Nothing is committed meanwhile. */
  complaint(): string | null;
  /** Commits what waits, closes the file and releases its lock. Safe twice. */
  close(): void;
};

export type Opened =
  | { kind: "opened"; file: SqliteFile }
  /** Another process has it open. */
  | { kind: "locked"; pid: string | null }
  /** It is not ours, of a newer version, or cannot be opened: `reason` is a sentence for people. */
  | { kind: "refused"; reason: string };

/**
 * Opens, and if need be creates or upgrades, `sate.db` in `folder`: write-ahead log, an fsync at every commit.
 *
 * The lock is SQLite's own on the file itself (`locking_mode = EXCLUSIVE`): no other process can read or write it,
 * and the operating system releases it when this process ends, however it ends. It also spares the locks around
 * every read. `folder/pid` only tells people who holds it.
 */
export function openSqliteFile(folder: string, onCommit: () => void): Opened {
  const path = join(folder, "sate.db");
  const pidPath = join(folder, "pid");
  let db: Database | null = null;
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    // SQLite creates files that everybody may read. Never while the file is open: closing it would end the lock.
    if (!existsSync(path)) closeSync(openSync(path, "a", 0o600));
    db = new Database(path, { strict: true, readwrite: true });
    db.run("PRAGMA busy_timeout = 0");
    db.run("PRAGMA locking_mode = EXCLUSIVE");
    db.run("PRAGMA synchronous = FULL");
    const refusal = upgrade(db, path);
    if (refusal !== null) {
      db.close();
      return { kind: "refused", reason: refusal };
    }
    writeFileSync(pidPath, `${process.pid}\n`);
    // The lock of 0.1.0, whose processes hold one on the database too.
    for (const name of ["lock.db", "lock.db-journal"]) rmSync(join(folder, name), { force: true });
    return { kind: "opened", file: sqliteFile(db, path, onCommit) };
  } catch (error) {
    db?.close();
    const { code = "", message } = error as Error & { code?: string };
    if (code.startsWith("SQLITE_BUSY")) {
      return { kind: "locked", pid: existsSync(pidPath) ? readFileSync(pidPath, "utf8").trim() : null };
    }
    if (code === "SQLITE_NOTADB") return { kind: "refused", reason: `${path} is not a database of Sate.` };
    if (code === "") throw error;
    return { kind: "refused", reason: `${path} cannot be opened: ${message} (${code}).` };
  }
}

function sqliteFile(db: Database, path: string, onCommit: () => void): SqliteFile {
  // A file that was deleted or replaced is written as if nothing had happened, and its data is gone at the next start.
  const inUse = [path, `${path}-wal`].map((name) => ({ name, inode: inodeOf(name) }));
  function complaint(): string | null {
    const lost = inUse.find(({ name, inode }) => inodeOf(name) !== inode);
    return lost
      ? `${basename(lost.name)} was moved, deleted or replaced while it was in use: put it back, or restart.`
      : null;
  }
  const writer = groupCommit(db, {
    check() {
      const lost = complaint();
      if (lost !== null) throw new Error(lost);
    },
    onCommit,
  });
  return {
    db,
    write: writer.write,
    complaint,
    close() {
      writer.close();
      db.close();
    },
  };
}

function inodeOf(path: string): bigint | null {
  try {
    return statSync(path, { bigint: true }).ino;
  } catch {
    return null;
  }
}
