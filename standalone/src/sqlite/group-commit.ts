import type { Database } from "bun:sqlite";
import { failpoint } from "../failpoint.ts";

/** Thrown to every writer whose shared commit failed: nothing of it is stored. */
export class CommitFailed extends Error {
  override name = "CommitFailed";
}

export type GroupCommit = {
  /**
   * Runs `work` (synchronous, on the database) in the next commit and resolves with what it returned once
   * that commit is durable. If `work` throws, its own changes alone are undone and it alone rejects. Rejects
   * with `CommitFailed` if the commit itself failed, and after close.
   */
  write<T>(work: () => T): Promise<T>;
  /** Commits what is waiting, then refuses. Safe twice. */
  close(): void;
};

export type GroupCommitOptions = {
  /** Throws when nothing may be committed now: the commit then fails for all that share it. */
  check?: () => void;
  onCommit: () => void;
};

type Waiting = { work: () => unknown; resolve: (value: never) => void; reject: (error: unknown) => void };

/** Turns of the event loop that a commit waits at most. */
const turnsMax = 8;

/**
 * Group commit: writes that arrive together share one transaction, and so one fsync. A commit waits as long
 * as each turn of the event loop brings another writer: a lone one for a turn without anything in it, which
 * takes microseconds, and never for a timer.
 */
export function groupCommit(db: Database, { check = () => {}, onCommit }: GroupCommitOptions): GroupCommit {
  let waiting: Waiting[] = [];
  let isClosed = false;

  function commit(): void {
    const group = waiting;
    waiting = [];
    if (group.length === 0) return;
    const settle: (() => void)[] = [];
    try {
      check();
      db.run("BEGIN IMMEDIATE");
      for (const member of group) settle.push(runAlone(db, member));
      db.run("COMMIT");
    } catch (cause) {
      rollBack(db);
      const error = new CommitFailed("The database could not commit.", { cause });
      for (const { reject } of group) reject(error);
      return;
    }
    onCommit();
    failpoint("sqlite.committed");
    for (const tell of settle) tell();
  }

  function commitSoon(before: number, turns: number): void {
    if (waiting.length > before && turns < turnsMax) setImmediate(commitSoon, waiting.length, turns + 1);
    else commit();
  }

  return {
    write: (work) =>
      new Promise((resolve, reject) => {
        if (isClosed) return reject(new CommitFailed("The database is closed."));
        waiting.push({ work, resolve, reject });
        if (waiting.length === 1) setImmediate(commitSoon, 0, 0);
      }),
    close() {
      commit();
      isClosed = true;
    },
  };
}

/** If even this fails then the next BEGIN does too, and says so to its writers. */
function rollBack(db: Database): void {
  try {
    if (db.inTransaction) db.run("ROLLBACK");
  } catch {}
}

/** A savepoint for each member, so that one bad row fails alone. Answers how to tell the member. */
function runAlone(db: Database, { work, resolve, reject }: Waiting): () => void {
  db.run("SAVEPOINT member");
  try {
    const value = work();
    db.run("RELEASE member");
    return () => resolve(value as never);
  } catch (error) {
    // A full disk may have ended the whole transaction already: then the outer commit must fail for all.
    if (!db.inTransaction) throw error;
    db.run("ROLLBACK TO member");
    db.run("RELEASE member");
    return () => reject(error);
  }
}
