import type { Database } from "bun:sqlite";
import { hasTable } from "../sqlite/add-columns.ts";

/** The move of a data file, as it is stored in the file itself. There is at most one. */
export type Move = {
  id: string;
  /** A name for people, without credentials. */
  target: string | null;
  /** By the wall clock, in ms since 1970. From then on nothing in the file changes but this row. */
  sealed_at: number | null;
  completed_at: number | null;
};

const schema = `
  CREATE TABLE IF NOT EXISTS move (
    id TEXT PRIMARY KEY NOT NULL,
    target TEXT,
    sealed_at INTEGER,
    completed_at INTEGER
  ) STRICT`;

export function readMove(db: Database): Move | null {
  return hasTable(db, "move") ? db.query<Move, []>("SELECT * FROM move").get() : null;
}

/** Returns the move that has begun before, if there is one. */
export function beginMove(db: Database, id: string): Move {
  db.run(schema);
  const begun = readMove(db);
  if (begun) return begun;
  db.run("INSERT INTO move (id) VALUES (?)", [id]);
  return { id, target: null, sealed_at: null, completed_at: null };
}

/** Seals the file. One that is sealed gets another target. Throws while an execution runs. */
export function sealMove(db: Database, { target, now }: { target: string; now: number }): void {
  if (countRunning(db) > 0) throw new Error("executions are running");
  db.run("UPDATE move SET target = ?, sealed_at = coalesce(sealed_at, ?)", [target, now]);
}

export function completeMove(db: Database, now: number): void {
  db.run("UPDATE move SET completed_at = coalesce(completed_at, ?)", [now]);
}

/** Forgets the move, so that the file can be used again. The next one has another id. */
export function undoMove(db: Database): void {
  if (readMove(db)) db.run("DELETE FROM move");
}

export function countRunning(db: Database): number {
  const sql = "SELECT count(*) AS running FROM executions WHERE status = 'running'";
  return db.query<{ running: number }, []>(sql).get()?.running ?? 0;
}
