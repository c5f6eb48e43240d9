import { expect, test } from "bun:test";
import { sqliteStore } from "../../src/adapters/store-sqlite.ts";
import { type Store, Unavailable } from "../../src/ports.ts";
import { storeConformance } from "../conformance/store.ts";
import { madeRequest } from "../made.ts";
import { sqliteFile } from "../sqlite-file.ts";

storeConformance("sqliteStore", async () => {
  const files = new Map<Store, ReturnType<typeof sqliteFile>>();
  return {
    async make(sameAs) {
      const file = (sameAs && files.get(sameAs)) ?? sqliteFile();
      const store = sqliteStore(file);
      files.set(store, file);
      return store;
    },
    operations: () => [...new Set(files.values())].reduce((sum, file) => sum + file.commits(), 0),
    spoilt: (execution) => ({ ...execution, epoch: "one" as never }),
  };
});

test("a file that belongs to another is not closed with the store", async () => {
  const file = sqliteFile();
  const store = sqliteStore(file);
  await store.open();
  await store.close();
  expect(file.db.query("SELECT 1 AS one").get()).toEqual({ one: 1 });
});

test("a database that cannot be used is told at the open, and again at every call", async () => {
  const file = sqliteFile();
  const store = sqliteStore(file);
  file.db.close();
  for (const call of [store.open, store.ping, () => store.requests.insert([madeRequest()])]) {
    expect(await call().catch((error: unknown) => error)).toBeInstanceOf(Unavailable);
  }
});

test("the sweeps read their indexes, and not the history", async () => {
  const file = sqliteFile();
  await sqliteStore(file).open();
  const plan = (sql: string) =>
    file.db
      .query<{ detail: string }, []>(`EXPLAIN QUERY PLAN ${sql}`)
      .all()
      .map(({ detail }) => detail)
      .join();
  const marked = `SELECT mark, request_id, attempt FROM executions
      WHERE mark > ?1 AND (mark < 'x' OR (mark = 'x' AND (request_id, attempt) > ('a', 1)))
      ORDER BY mark DESC, request_id, attempt LIMIT 10`;
  expect(plan(marked)).toContain("marked_executions");
  expect(plan(marked)).not.toContain("TEMP B-TREE");
  const unconfirmed = `SELECT request_id, attempt FROM executions
      WHERE mark = ?1 AND (request_id, attempt) > ('a', 1) ORDER BY request_id, attempt LIMIT 10`;
  expect(plan(unconfirmed)).toContain("COVERING INDEX marked_executions");
  expect(plan(unconfirmed)).not.toContain("TEMP B-TREE");
  const running = "SELECT * FROM executions WHERE status = 'running' ORDER BY request_id, attempt LIMIT 10";
  expect(plan(running)).toContain("running_executions");
});
