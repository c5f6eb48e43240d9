import { expect, spyOn, test } from "bun:test";
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

test("the owner of the file decides whether a failed commit was stored", async () => {
  const failure = new Unavailable("The database could not commit.");
  const store = sqliteStore({ ...sqliteFile(), write: () => Promise.reject(failure) });
  expect(await store.requests.insert([madeRequest()]).catch((thrown: unknown) => thrown)).toBe(failure);
});

test("sweeps read indexes, not the whole history", async () => {
  const file = sqliteFile();
  const store = sqliteStore(file);
  await store.open();
  const key = { request_id: "a", attempt: 1 };
  const slice = { from: "a", below: "b", limit: 10 };
  const parameters = {
    ...{ ...key, ...slice, id: "a", label: "a=b", status: "failed" },
    mark: "x",
    processor: "p",
    until: 1,
    worker_id: null,
    claim_id: null,
    names: '["p"]',
    instant: 1,
    after: "",
    limit: 10,
  };
  const query = spyOn(file.db, "query");
  for (const [sweep, index] of [
    [() => store.outbox.marked({ after: { ...key, mark: "x" }, limit: 10 }), "marked_executions"],
    [() => store.confirmations.unconfirmed({ after: key, limit: 10 }), "COVERING INDEX marked_executions"],
    [() => store.runs.running({ after: { id: "a" }, limit: 10 }), "executions_by_status (status=? AND id>?)"],
    [() => store.runs.queued([{ limit: 10 }]), "claimable_executions"],
    [() => store.runs.queued([{ processor: "p", limit: 10 }]), "claimable_executions"],
    [() => store.waiting.due({ until: 1, limit: 10 }), "waiting_executions"],
    [() => store.processors.queued(["p"], 10), "scheduled_executions"],
    [() => store.logs.removeBefore(1, 10), "oldest_logs"],
    [() => store.finding.executions({}, slice), "executions_by_id (id>? AND id<?)"],
    [() => store.finding.executions({ label: "a=b" }, slice), "SEARCH execution_labels USING PRIMARY KEY"],
    [
      () => store.finding.executions({ label: "a=b" }, slice),
      "SEARCH executions USING INDEX executions_by_id",
    ],
    [
      () => store.finding.executions({ processor: "p" }, slice),
      "executions_by_processor (processor=? AND id",
    ],
    [
      () => store.finding.executions({ statuses: ["failed"] }, slice),
      "executions_by_status (status=? AND id",
    ],
    [() => store.finding.requests({}, slice), "sqlite_autoindex_requests_1 (id>? AND id<?)"],
    [
      () => store.finding.requests({ label: "a=b" }, slice),
      "request_labels USING PRIMARY KEY (label=? AND id",
    ],
    [() => store.finding.requests({ processor: "p" }, slice), "COVERING INDEX requests_by_processor"],
    [() => store.requests.starting({ limit: 10 }), "starting_requests"],
    [() => store.keys.removeBefore(1, 10), "oldest_idempotency_keys"],
    [() => store.schedules.due({ until: 1, limit: 10 }), "due_schedules"],
  ] as const) {
    await sweep();
    const [sql = ""] = query.mock.lastCall ?? [];
    using explained = file.db.prepare(`EXPLAIN QUERY PLAN ${sql}`);
    const plan = JSON.stringify(explained.all(parameters));
    expect([sql, plan]).toEqual([sql, expect.stringContaining(index)]);
    expect(plan).not.toContain("TEMP B-TREE");
  }
});
