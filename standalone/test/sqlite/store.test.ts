import { type Database, SQLiteError } from "bun:sqlite";
import { afterEach, expect, test } from "bun:test";
import { Unavailable } from "@sate/contracts";
import { createCounters, createLog } from "@sate/contracts/runtime";
import { createRequestsService } from "@sate/requests-service";
import { sqliteStore } from "@sate/requests-service/sqlite";
import { madeExecution, madeRequest } from "../../../requests-service/test/builders.ts";
import { createBroker } from "../../src/broker/broker.ts";
import type { SqliteFile } from "../../src/sqlite/file.ts";
import { temporaryFolder } from "../temporary-folder.ts";
import { newFolder, opened } from "./opened.ts";

const parent = temporaryFolder();
const files: SqliteFile[] = [];
afterEach(() => {
  for (const file of files.splice(0)) file.close();
});

/** The store of requests-service on the group commit that standalone uses. */
async function openedStore() {
  let commits = 0;
  const file = opened(newFolder(parent), () => commits++);
  files.push(file);
  const store = sqliteStore(file);
  await store.open();
  const list = async () => [
    ...(await store.requests.list({ limit: 10, bytesMax: Number.MAX_SAFE_INTEGER })).found.values(),
  ];
  return { store, file, list, commits: () => commits };
}
const pagesOf = (db: Database) =>
  db.query<{ page_count: number }, []>("PRAGMA page_count").get()?.page_count ?? 0;
const large = () => madeRequest({ payload_json: `"${"x".repeat(100_000)}"` });

test("64 writes of one turn share one commit, and reading needs none", async () => {
  const { store, list, commits } = await openedStore();
  const before = commits();
  await Promise.all(Array.from({ length: 64 }, () => store.requests.insert([madeRequest()])));
  await list();
  expect(commits() - before).toBe(1);
});

test("a bad row fails alone", async () => {
  const { store } = await openedStore();
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
  const { store, file, list } = await openedStore();
  const before = large();
  await store.requests.insert([before]);
  file.db.run(`PRAGMA max_page_count = ${pagesOf(file.db)}`);
  const refused = [large(), large(), large()];
  for (const outcome of await Promise.allSettled(
    refused.map((request) => store.requests.insert([request])),
  )) {
    if (outcome.status === "fulfilled") throw new Error("it was acknowledged");
    expect(outcome.reason).toBeInstanceOf(Unavailable);
  }
  expect(await list()).toEqual([before]);
  file.db.run("PRAGMA max_page_count = 1000000");
  await store.requests.insert(refused);
  expect(await list()).toHaveLength(4);
});

test("a commit that fails refuses all that shared it, stores nothing, and the next one works", async () => {
  const { store, file, list } = await openedStore();
  const run = file.db.run;
  file.db.run = ((sql: string, ...rest: []) => {
    if (sql !== "COMMIT") return run.call(file.db, sql, ...rest);
    file.db.run = run;
    throw Object.assign(new Error("disk I/O error"), { name: SQLiteError.name });
  }) as typeof run;
  const requests = [large(), large()];
  const outcomes = await Promise.allSettled(requests.map((request) => store.requests.insert([request])));
  expect(outcomes.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  expect(await list()).toHaveLength(0);
  await store.requests.insert(requests);
  expect(await list()).toHaveLength(2);
});

test("a batch of which a part was stored is not called undone", async () => {
  const { store } = await openedStore();
  const log = createLog("standalone", "error", () => {});
  let inserts = 0;
  const insert: typeof store.executions.insert = async (wanted) => {
    // The first round: another caller was faster with the second. Then the disk is full.
    if (inserts++ === 0) return [...(await store.executions.insert(wanted.slice(0, 1))), false];
    throw new Unavailable("The disk is full.", { reason: "not_done" });
  };
  const broker = createBroker({}, { log });
  const { commands } = createRequestsService(
    {
      store: { ...store, executions: { ...store.executions, insert } },
      publisher: broker.publisher(),
      results: { resultsRecorded: async () => ({ recorded: [] }) },
      clock: Date.now,
      newId: () => Bun.randomUUIDv7(),
      log,
      counters: createCounters(),
      fatal() {},
    },
    { serviceToken: "", leaseMs: 1_000, lostMax: 3, confirmMs: 1_000, exclusive: true },
  );
  const ids = [1, 2].map(() => Bun.randomUUIDv7());
  await commands.createRequests({ requests: ids.map((id) => ({ id, payload_json: "1" })) });
  const executions = ids.map((request_id) => {
    return { id: Bun.randomUUIDv7(), request_id, force_error: false, traceparent: "", max_failures: 3 };
  });
  const error = await commands.createExecutions({ executions }).catch((error) => error);
  expect(error).toMatchObject({ name: "Unavailable", reason: "no_response" });
});
