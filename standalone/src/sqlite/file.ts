import { Database } from "bun:sqlite";
import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import { type SqliteFile, Unavailable } from "@sate/contracts";
import { errorFields, type Log } from "@sate/contracts/runtime";
import { wasMoved } from "../move/sentences.ts";
import { readMove, undoMove } from "../move/state.ts";
import { describeError, type ErrorText } from "./error-text.ts";
import { groupCommit } from "./group-commit.ts";
import { upgrade } from "./schema-version.ts";

/** The open database file. Services get it as a `SqliteFile`; its owner also reports its failures and closes it. */
export type DataFile = SqliteFile & {
  /** Why nothing can be written, a sentence for people: from the first commit that fails to the next that succeeds. */
  notReadyReason(): string | null;
  /** Whether the file is sealed: then every `write` rejects, and nothing of it is stored. */
  isSealed(): boolean;
  /** Runs `work` and seals the file in the same commit. Works on a sealed file, too. */
  seal(work: () => void): Promise<void>;
  /** Commits what waits, closes the file and releases its lock. Safe twice. */
  close(): void;
};

type Opened =
  | { kind: "opened"; file: DataFile }
  /** It cannot be used, and was not changed. The reason is a sentence for people. */
  | { kind: "refused"; reason: string; exitCode: ErrorText["exitCode"] };

type Options = {
  onCommit: () => void;
  log: Log;
  /** Makes data that was sealed or moved usable again. */
  undoesMove?: boolean;
};

/** Reading this much takes a second or less. Damage in a larger file is found when it is read. */
const checkedBytesMax = 1024 ** 3;

/**
 * Opens, and if need be creates or upgrades, `sate.db` in `folder`: write-ahead log, an fsync at every commit.
 *
 * The lock is SQLite's own on the file itself (`locking_mode = EXCLUSIVE`): no other process can read or write it,
 * and the operating system releases it when this process ends, however it ends. It also spares the locks around
 * every read. `folder/pid` only names the holder for people.
 */
export function openSqliteFile(folder: string, options: Options): Opened {
  const path = join(folder, "sate.db");
  let db: Database | null = null;
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    // SQLite would delete a log without its database, and with it the latest writes.
    if (!existsSync(path) && existsSync(`${path}-wal`) && statSync(`${path}-wal`).size > 0) {
      const reason = `The data folder ${folder} cannot be used: sate.db is missing, but sate.db-wal is there and holds the latest writes; put sate.db back, move sate.db-wal away to start empty, or choose another folder with DATA_DIR.`;
      return { kind: "refused", reason, exitCode: 78 };
    }
    // SQLite would only say that it cannot open it.
    if (existsSync(path) && statSync(path).isDirectory())
      throw Object.assign(new Error("is a folder"), { code: "EISDIR", path });
    // SQLite creates files that any user may read. Never while the file is open: closing it would end the lock.
    if (!existsSync(path)) closeSync(openSync(path, "a", 0o600));
    for (const file of [path, `${path}-wal`].filter(existsSync))
      accessSync(file, constants.R_OK | constants.W_OK);
    db = new Database(path, { strict: true, readwrite: true });
    db.run("PRAGMA busy_timeout = 0");
    db.run("PRAGMA locking_mode = EXCLUSIVE");
    db.run("PRAGMA synchronous = FULL");
    // What is deleted or replaced is overwritten with zeros, also in pages that become free.
    db.run("PRAGMA secure_delete = ON");
    assertWhole(db, path);
    const refusal = upgrade(db, path);
    if (refusal !== null) {
      db.close();
      return { kind: "refused", reason: refusal, exitCode: 78 };
    }
    if (options.undoesMove) undoMove(db);
    const move = readMove(db);
    if (move?.completed_at) {
      db.close();
      return { kind: "refused", reason: wasMoved(folder, move), exitCode: 78 };
    }
    writeFileSync(join(folder, "pid"), `${process.pid}\n`, { mode: 0o600 });
    // The lock of 0.1.0, whose processes hold one on the database too.
    for (const name of ["lock.db", "lock.db-journal"]) rmSync(join(folder, name), { force: true });
    return { kind: "opened", file: sqliteFile(db, path, options) };
  } catch (error) {
    db?.close();
    return { kind: "refused", ...refusalOf(error, folder) };
  }
}

function assertWhole(db: Database, path: string): void {
  if (statSync(path).size > checkedBytesMax) return;
  const found = db.query<{ quick_check: string }, []>("PRAGMA quick_check(1)").get();
  if (found?.quick_check !== "ok") throw Object.assign(new Error("damaged"), { code: "SQLITE_CORRUPT" });
}

function refusalOf(
  error: unknown,
  folder: string,
): Pick<Opened & { kind: "refused" }, "reason" | "exitCode"> {
  if (String((error as { code?: string }).code).startsWith("SQLITE_BUSY")) {
    const reason = `${holderOf(folder)} is using ${folder}: stop it, or choose another folder with DATA_DIR.`;
    return { reason, exitCode: 73 };
  }
  const { what, todo, exitCode } = describeError(error);
  return { reason: `The data folder ${folder} cannot be used: ${what}; ${todo}.`, exitCode };
}

function holderOf(folder: string): string {
  try {
    return `Process ${readFileSync(join(folder, "pid"), "utf8").trim()}`;
  } catch {
    return "Another process";
  }
}

function sqliteFile(db: Database, path: string, { onCommit, log }: Options): DataFile {
  // Writes to a deleted or replaced file succeed, but their data is lost at the next start.
  const inUse = [path, `${path}-wal`].map((name) => ({ name, inode: inodeOf(name) }));
  let failure: string | null = null;
  function loss(): string | null {
    const lost = inUse.find(({ name, inode }) => inodeOf(name) !== inode);
    return lost
      ? `${basename(lost.name)} was moved, deleted or replaced while it was in use: put it back before you restart.`
      : null;
  }
  const writer = groupCommit(db, {
    check() {
      const lost = loss();
      if (lost !== null) throw new Error(lost);
    },
    onCommit() {
      if (failure !== null) log.warn("the database can be written again", { path });
      failure = null;
      onCommit();
    },
    onFailure(cause) {
      const reason = loss() ?? `${basename(path)} cannot be written: ${describeError(cause).what}.`;
      if (failure !== reason) log.error(reason, { ...errorFields(cause), path });
      failure = reason;
    },
  });
  let isSealed = (readMove(db)?.sealed_at ?? null) !== null;
  return {
    db,
    write: (work) =>
      writer.write(() => {
        if (isSealed) throw new Unavailable("The data is sealed.", { reason: "not_done" });
        return work();
      }),
    isSealed: () => isSealed,
    async seal(work) {
      const before = isSealed;
      try {
        // Set within the commit: of the writes that share it, those after this one are refused.
        await writer.write(() => {
          work();
          isSealed = true;
        });
      } catch (error) {
        isSealed = before;
        throw error;
      }
    },
    notReadyReason: () => loss() ?? failure,
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
