import type { Database } from "bun:sqlite";
import { Unavailable } from "@sate/contracts";
import { failpoint } from "@sate/contracts/runtime";
import { isFileError } from "./error-text.ts";

type Waiting = { work: () => unknown; resolve: (value: never) => void; reject: (error: unknown) => void };

/** Turns of the event loop that a commit waits at most. */
const turnsMax = 8;

/**
 * Group commit: writes that arrive together share one transaction, and so one fsync. A commit waits as long
 * as each turn of the event loop brings another writer: a single one for a turn without anything in it, which
 * takes microseconds, and never for a timer.
 */
export function groupCommit(
  db: Database,
  events: {
    /** Throws when nothing may be committed now: the commit then fails for all that share it. */
    check(): void;
    onCommit(): void;
    onFailure(cause: unknown): void;
  },
) {
  let waiting: Waiting[] = [];
  let isClosed = false;

  function commit(): void {
    const group = waiting;
    waiting = [];
    if (group.length === 0) return;
    const settle: (() => void)[] = [];
    let isCommitting = false;
    try {
      events.check();
      db.run("BEGIN IMMEDIATE");
      for (const member of group) settle.push(runAlone(db, member));
      isCommitting = true;
      db.run("COMMIT");
    } catch (cause) {
      rollBack(db);
      events.onFailure(cause);
      const isNotDone = !isCommitting || isFull(cause);
      const error = isNotDone ? notDone(cause) : new Unavailable("The database could not commit.", { cause });
      for (const { reject } of group) reject(error);
      return;
    }
    events.onCommit();
    failpoint("sqlite.committed");
    for (const resolve of settle) resolve();
  }

  function commitSoon(before: number, turns: number): void {
    if (waiting.length > before && turns < turnsMax) setImmediate(commitSoon, waiting.length, turns + 1);
    else commit();
  }

  return {
    /**
     * Runs `work` (synchronous, on the database) in the next commit and resolves with what it returned once
     * that commit is durable. If `work` throws, its own changes alone are undone and it alone rejects. Rejects
     * with `Unavailable` if the commit itself failed, and after close; its reason is `not_done` where it is
     * certain that nothing was stored.
     */
    write: <T>(work: () => T): Promise<T> =>
      new Promise<T>((resolve, reject) => {
        if (isClosed) return reject(notDone(new Error("The database is closed.")));
        waiting.push({ work, resolve, reject });
        if (waiting.length === 1) setImmediate(commitSoon, 0, 0);
      }),
    /** Commits what is waiting, then refuses. Safe twice. */
    close(): void {
      commit();
      isClosed = true;
    },
  };
}

function notDone(cause: unknown): Unavailable {
  return new Unavailable("The database could not commit, and stored nothing.", { cause, reason: "not_done" });
}

/**
 * A transaction is stored with its last page, in one place, so one that did not fit is not stored. After any other
 * failure of a COMMIT, of an fsync say, it may still be found in the file after a crash.
 */
function isFull(error: unknown): boolean {
  return (error as { code?: unknown }).code === "SQLITE_FULL";
}

/** If this fails too, so does the next BEGIN, and its writers are rejected. */
function rollBack(db: Database): void {
  try {
    if (db.inTransaction) db.run("ROLLBACK");
  } catch {}
}

/** A savepoint for each member, so that one bad row fails alone. Returns how to settle the member. */
function runAlone(db: Database, { work, resolve, reject }: Waiting): () => void {
  db.run("SAVEPOINT member");
  try {
    const value = work();
    db.run("RELEASE member");
    return () => resolve(value as never);
  } catch (error) {
    // A full disk fails all, and may have ended the whole transaction already.
    if (!db.inTransaction || isFileError(error)) throw error;
    db.run("ROLLBACK TO member");
    db.run("RELEASE member");
    return () => reject(error);
  }
}
