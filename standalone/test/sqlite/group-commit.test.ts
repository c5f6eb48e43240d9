import { Database } from "bun:sqlite";
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { Unavailable } from "@sate/contracts";
import { type GroupCommit, groupCommit } from "../../src/sqlite/group-commit.ts";

let db: Database;
let writer: GroupCommit;
let commits: number;
beforeEach(() => {
  db = new Database(":memory:", { strict: true });
  db.run("PRAGMA foreign_keys = ON");
  db.run("CREATE TABLE parents (id INTEGER PRIMARY KEY) STRICT");
  // A row without its parent fails at the COMMIT and not before.
  db.run(
    "CREATE TABLE rows (id INTEGER PRIMARY KEY, parent INTEGER REFERENCES parents (id) DEFERRABLE INITIALLY DEFERRED) STRICT",
  );
  commits = 0;
  writer = groupCommit(db, { onCommit: () => void commits++ });
});
afterEach(() => db.close());

const insert = (id: number, parent: number | null = null) =>
  writer.write(() => db.query("INSERT INTO rows VALUES (?, ?)").run(id, parent).changes);
const stored = () =>
  db
    .query<{ id: number }, []>("SELECT id FROM rows ORDER BY id")
    .all()
    .map(({ id }) => id);
const failure = (promise: Promise<unknown>) =>
  promise.then(
    () => "stored",
    (error: unknown) => error,
  );

describe("group commit", () => {
  test("all writes of a turn share one commit, and each has its own answer", async () => {
    const answers = await Promise.all([3, 1, 2].map((id) => writer.write(() => id * 10)));
    expect([answers, commits]).toEqual([[30, 10, 20], 1]);
    await insert(1);
    expect([stored(), commits]).toEqual([[1], 2]);
  });

  test("no answer leaves before the commit", async () => {
    const seen: boolean[] = [];
    await Promise.all([1, 2].map((id) => insert(id).then(() => seen.push(db.inTransaction))));
    expect(seen).toEqual([false, false]);
  });

  test("a bad row fails alone, with all that it did before", async () => {
    await insert(1);
    const outcomes = await Promise.all([
      failure(insert(2)),
      failure(
        writer.write(() => {
          db.run("INSERT INTO rows VALUES (7, NULL)");
          db.run("INSERT INTO rows VALUES (1, NULL)");
        }),
      ),
      failure(insert(3)),
    ]);
    expect([outcomes[0], outcomes[2], stored(), commits]).toEqual(["stored", "stored", [1, 2, 3], 2]);
    expect(outcomes[1]).toBeInstanceOf(Error);
  });

  test("a commit that fails rejects all of its group, stores nothing of it, and the next one works", async () => {
    const outcomes = await Promise.all([failure(insert(1)), failure(insert(2, 99)), failure(insert(3))]);
    for (const outcome of outcomes) expect(outcome).toBeInstanceOf(Unavailable);
    expect([stored(), commits, db.inTransaction]).toEqual([[], 0, false]);
    await insert(4);
    expect(stored()).toEqual([4]);
  });

  test("a transaction that a member lost takes the whole group with it", async () => {
    const outcomes = await Promise.all([
      failure(insert(1)),
      // As a full disk may do it.
      failure(
        writer.write(() => {
          db.run("ROLLBACK");
          throw new Error("the disk is full");
        }),
      ),
      failure(insert(2)),
    ]);
    for (const outcome of outcomes) expect(outcome).toBeInstanceOf(Unavailable);
    expect(stored()).toEqual([]);
    await insert(3);
    expect(stored()).toEqual([3]);
  });

  test("a close commits what waits, refuses what comes, and is safe twice", async () => {
    const waiting = insert(1);
    writer.close();
    writer.close();
    expect(await waiting).toBe(1);
    expect(await failure(insert(2))).toBeInstanceOf(Unavailable);
    expect(stored()).toEqual([1]);
  });
});
