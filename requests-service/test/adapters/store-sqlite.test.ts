import { type Database, SQLiteError } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { openSqliteFile } from "../../src/adapters/group-commit.ts";
import { sqliteStore } from "../../src/adapters/store-sqlite.ts";
import { createCounters } from "../../src/counters.ts";
import { type Store, Unavailable } from "../../src/ports.ts";
import { storeConformance } from "../conformance/store.ts";
import { createCore, wanted } from "../core.ts";
import { madeExecution, madeRequest, newId } from "../made.ts";
import { temporaryFolder } from "./temporary-folder.ts";

const folder = temporaryFolder();
const listOf = async (store: Store) => [
  ...(await store.requests.list({ limit: 10, bytesMax: Number.MAX_SAFE_INTEGER })).found.values(),
];

storeConformance("sqliteStore", async () => {
  const paths = new WeakMap<Store, string>();
  const counters = createCounters();
  return {
    async make(sameAs) {
      const path = (sameAs && paths.get(sameAs)) ?? join(folder, `${newId()}.db`);
      const store = sqliteStore({ path, counters });
      paths.set(store, path);
      return store;
    },
    operations: () => counters.read().sqlite_commits ?? 0,
    spoilt: (execution) => ({ ...execution, epoch: "one" as never }),
  };
});

describe("sqliteStore", () => {
  /** A store on a file that the test can look into. */
  async function openedFile() {
    const counters = createCounters();
    const file = openSqliteFile(join(folder, `${newId()}.db`), () => counters.add("sqlite_commits"));
    const store = sqliteStore({ file });
    await store.open();
    return { store, file, counters };
  }
  const pragma = (db: Database, name: string) =>
    Object.values(db.query<Record<string, unknown>, []>(`PRAGMA ${name}`).get() ?? {})[0];
  const fullDisk = (db: Database) => db.run(`PRAGMA max_page_count = ${pragma(db, "page_count")}`);
  const large = () => madeRequest({ payloadJson: `"${"x".repeat(100_000)}"` });

  test("writes ahead, fsyncs every commit, and waits for a lock", async () => {
    const { file } = await openedFile();
    const settings = ["journal_mode", "synchronous", "busy_timeout"].map((name) => pragma(file.db, name));
    expect(settings).toEqual(["wal", 2, 5_000]);
  });

  test("what was acknowledged is there after a crash", async () => {
    const path = join(folder, `${newId()}.db`);
    const script = `
      import { sqliteStore } from ${JSON.stringify(join(import.meta.dir, "../../src/adapters/store-sqlite.ts"))};
      const store = sqliteStore({ path: ${JSON.stringify(path)}, counters: { add() {}, read: () => ({}) } });
      await store.requests.insert([${JSON.stringify(madeRequest({ id: newId(), payloadJson: "1" }))}]);
      process.kill(process.pid, "SIGKILL");`;
    const child = Bun.spawn([process.execPath, "-e", script], { stderr: "inherit" });
    await child.exited;
    expect(child.signalCode).toBe("SIGKILL");
    const store = sqliteStore({ path, counters: createCounters() });
    expect(await listOf(store)).toHaveLength(1);
    await store.close();
  });

  test("64 calls in one turn that create executions share one commit", async () => {
    const { store, counters } = await openedFile();
    const core = createCore({ store });
    const requests = Array.from({ length: 64 }, () => ({ id: newId(), payload_json: "1" }));
    await core.commands.createRequests({ requests });
    const before = counters.read().sqlite_commits ?? 0;
    const answers = await Promise.all(
      requests.map(({ id }) => core.commands.createExecutions({ executions: [wanted(id)] })),
    );
    expect(answers.flatMap(({ answers }) => answers.map(({ kind }) => kind))).toEqual(
      Array(64).fill("created"),
    );
    expect((counters.read().sqlite_commits ?? 0) - before).toBe(1);
    await core.outbox.flush();
    expect((counters.read().sqlite_commits ?? 0) - before).toBe(2);
  });

  test("a bad row fails alone", async () => {
    const { store } = await openedFile();
    const good = [madeExecution(), madeExecution()];
    const bad = madeExecution({ epoch: "one" as never });
    const outcomes = await Promise.allSettled(
      [good[0], bad, good[1]].map((execution) => store.executions.insert([execution as never])),
    );
    expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
    expect(await store.executions.get(good)).toHaveLength(2);
    expect(await store.executions.get([bad])).toEqual([]);
  });

  test("a full disk: what does not fit is refused and not stored, and later there is room again", async () => {
    const { store, file } = await openedFile();
    const before = large();
    await store.requests.insert([before]);
    fullDisk(file.db);
    const refused = [large(), large(), large()];
    for (const outcome of await Promise.allSettled(
      refused.map((request) => store.requests.insert([request])),
    )) {
      if (outcome.status === "fulfilled") throw new Error("it was acknowledged");
      expect(outcome.reason).toBeInstanceOf(Unavailable);
    }
    expect(await listOf(store)).toEqual([before]);
    file.db.run("PRAGMA max_page_count = 1000000");
    await store.requests.insert(refused);
    expect(await listOf(store)).toHaveLength(4);
  });

  test("a commit that fails refuses all that shared it, stores nothing, and the next one works", async () => {
    const { store, file } = await openedFile();
    const run = file.db.run;
    file.db.run = ((sql: string, ...rest: []) => {
      if (sql !== "COMMIT") return run.call(file.db, sql, ...rest);
      file.db.run = run;
      throw Object.assign(new Error("disk I/O error"), { name: SQLiteError.name });
    }) as typeof run;
    const requests = [large(), large()];
    const outcomes = await Promise.allSettled(requests.map((request) => store.requests.insert([request])));
    expect(outcomes.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    expect(await listOf(store)).toHaveLength(0);
    await store.requests.insert(requests);
    expect(await listOf(store)).toHaveLength(2);
  });

  test("a file that belongs to another is not closed with the store", async () => {
    const { store, file } = await openedFile();
    await store.close();
    expect(file.db.query("SELECT 1 AS one").get()).toEqual({ one: 1 });
  });

  test("a file that cannot be opened is told at the open, and again at every call", async () => {
    const store = sqliteStore({ path: join(folder, "nowhere/requests.db"), counters: createCounters() });
    for (const call of [store.open, store.ping, () => store.requests.insert([madeRequest()])]) {
      expect(await call().catch((error: unknown) => error)).toBeInstanceOf(Unavailable);
    }
    await store.close();
  });

  test("the sweeps read their indexes, and not the history", async () => {
    const { file } = await openedFile();
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
});
