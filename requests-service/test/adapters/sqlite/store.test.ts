import { expect, test } from "bun:test";
import { Unavailable } from "@sate/contracts";
import { errorFields } from "@sate/contracts/runtime";
import { sqliteStore } from "../../../src/adapters/sqlite/store.ts";
import type { Store } from "../../../src/ports.ts";
import { madeRequest } from "../../builders.ts";
import { storeConformance } from "../../conformance/store/store.ts";
import { sqliteFile } from "./file.ts";

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
    invalid: (execution) => ({ ...execution, epoch: "one" as never }),
  };
});

test("closing the store does not close the database", async () => {
  const file = sqliteFile();
  const store = sqliteStore(file);
  await store.open();
  await store.close();
  expect(file.db.query("SELECT 1 AS one").get()).toEqual({ one: 1 });
});

test("an unusable database is `Unavailable` at open and at every call", async () => {
  const file = sqliteFile();
  const store = sqliteStore(file);
  file.db.close();
  for (const call of [store.open, store.ping, () => store.requests.insert([madeRequest()])]) {
    expect(await call().catch((error: unknown) => error)).toBeInstanceOf(Unavailable);
  }
});

test("a write that is rolled back says that nothing was stored, and carries SQLite's code for the log", async () => {
  const file = sqliteFile();
  const store = sqliteStore(file);
  await store.open();
  file.db.run("PRAGMA max_page_count = 1");
  const large = madeRequest({ payload_json: `"${"x".repeat(100_000)}"` });
  const error = await store.requests.insert([large]).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ reason: "not_done", message: expect.stringContaining("Nothing") });
  expect(errorFields(error).cause).toContain("SQLITE_FULL");
});

test("whether a failed commit was stored is what the owner of the file says", async () => {
  const failure = new Unavailable("The database could not commit.");
  const store = sqliteStore({ ...sqliteFile(), write: () => Promise.reject(failure) });
  expect(await store.requests.insert([madeRequest()]).catch((thrown: unknown) => thrown)).toBe(failure);
});

test("sweeps read indexes, not the whole history", async () => {
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
