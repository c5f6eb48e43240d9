import { Database } from "bun:sqlite";
import { afterEach, beforeEach, expect, test } from "bun:test";
import { Unavailable } from "@sate/contracts";
import { groupCommit } from "../../src/sqlite/group-commit.ts";

let db: Database;
let writer: ReturnType<typeof groupCommit>;
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
  writer = groupCommit(db, { check() {}, onCommit: () => void commits++, onFailure() {} });
});
afterEach(() => db.close());

const insert = (id: number, parent: number | null = null) =>
  writer.write(() => db.query("INSERT INTO rows VALUES (?, ?)").run(id, parent).changes);
const stored = () =>
  db
    .query<{ id: number }, []>("SELECT id FROM rows ORDER BY id")
    .all()
    .map(({ id }) => id);
/** What each write rejected with, or `null`. */
const failuresOf = (...writes: Promise<unknown>[]) =>
  Promise.all(writes.map((write) => write.then(() => null, Object)));

test("all writes of a turn share one commit, and each resolves with its own result", async () => {
  const results = await Promise.all([3, 1, 2].map((id) => writer.write(() => id * 10)));
  expect([results, commits]).toEqual([[30, 10, 20], 1]);
  await insert(1);
  expect([stored(), commits]).toEqual([[1], 2]);
});

test("no write resolves before its commit", async () => {
  const seen: boolean[] = [];
  await Promise.all([1, 2].map((id) => insert(id).then(() => seen.push(db.inTransaction))));
  expect(seen).toEqual([false, false]);
});

test("a bad row fails alone, with all that its write did before", async () => {
  await insert(1);
  const bad = writer.write(() => {
    db.run("INSERT INTO rows VALUES (7, NULL)");
    db.run("INSERT INTO rows VALUES (1, NULL)");
  });
  expect(await failuresOf(insert(2), bad, insert(3))).toEqual([null, expect.any(Error), null]);
  expect([stored(), commits]).toEqual([[1, 2, 3], 2]);
});

for (const [name, work] of Object.entries({
  "a commit that fails": () => db.run("INSERT INTO rows VALUES (2, 99)"),
  // As a full disk may do it.
  "a transaction that a write ended": () => {
    db.run("ROLLBACK");
    throw new Error("the disk is full");
  },
})) {
  test(`${name} rejects all that share it, stores nothing of them, and the next one works`, async () => {
    for (const failure of await failuresOf(insert(1), writer.write(work), insert(3))) {
      expect(failure).toBeInstanceOf(Unavailable);
    }
    expect([stored(), commits, db.inTransaction]).toEqual([[], 0, false]);
    await insert(4);
    expect(stored()).toEqual([4]);
  });
}

test("a close commits what waits, rejects later writes, and is safe twice", async () => {
  const waiting = insert(1);
  writer.close();
  writer.close();
  expect(await waiting).toBe(1);
  expect(await failuresOf(insert(2))).toEqual([expect.any(Unavailable)]);
  expect(stored()).toEqual([1]);
});
