/**
 * What finding costs: `bun test/bench/finding.ts sqlite 1000000`, or `mongo` with a smaller number and REQUESTS_MONGO_URL.
 * Stores that many requests and executions, then prints the time of first, middle and last pages of each filter, and in
 * SQLite what the indexes of finding cost per execution.
 */
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ExecutionFilter, type ExecutionStatus, formatTimestamp } from "@sate/contracts";
import { createCounters } from "@sate/contracts/runtime";
import { mongoStore } from "../../src/adapters/mongo/store.ts";
import { sqliteStore } from "../../src/adapters/sqlite/store.ts";
import type { Execution } from "../../src/executions/execution.ts";
import { findingCommands } from "../../src/finding/commands.ts";
import type { Ports, Store } from "../../src/ports.ts";
import { sqliteFile } from "../adapters/sqlite/file.ts";
import { madeExecution, madeOutcome, newId, refOf, runOf } from "../builders.ts";

const [database = "sqlite", count = "100000"] = Bun.argv.slice(2);
const total = Number(count);
const firstAt = Date.now() - total;
const batch = 1_000;
const rounds = 20;

/** Of a hundred executions, these did not succeed; everything else did. */
const statuses: Record<number, ExecutionStatus> = { 3: "failed", 50: "dead_lettered", 77: "cancelled" };

/** The nth execution: one a millisecond, 20 processors, a label of 100 values, and one that is rare. */
function nth(index: number): Execution {
  const at = firstAt + index;
  const status = index > total - 100 ? "queued" : (statuses[index % 100] ?? "succeeded");
  const labels = { team: `t${index % 100}`, ...(index % 100_000 === 1 && { rare: "yes" }) };
  return madeExecution({
    ...{ id: Bun.randomUUIDv7("hex", at), request_id: Bun.randomUUIDv7("hex", at) },
    ...{ processor: `p${index % 20}`, status, labels, mark: undefined, creation_date: formatTimestamp(at) },
  });
}

async function fill(store: Store): Promise<void> {
  const start = performance.now();
  for (let from = 0; from < total; from += batch) {
    const executions = Array.from({ length: Math.min(batch, total - from) }, (_, index) => nth(from + index));
    await store.requests.insert(
      executions.map(({ request_id: id, processor, labels, creation_date }) => {
        return {
          id,
          payload_json: '{"message":"ping"}',
          processor,
          ...(labels && { labels }),
          creation_date,
        };
      }),
    );
    await store.executions.insert(executions);
    if (from % 100_000 === 0) console.error(`${from} of ${total}`);
  }
  console.log(`${total} requests and executions stored in ${seconds(performance.now() - start)}`);
}

const seconds = (ms: number) => `${(ms / 1_000).toFixed(1)} s`;
const median = (times: number[]) => times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)] ?? 0;

async function pages(store: Store): Promise<void> {
  const { findExecutions, listRequests } = findingCommands({ store } as Ports, {
    publishAllSoon: async () => {},
  });
  const places = { first: firstAt + total, middle: firstAt + total / 2, last: firstAt + 1_000 };
  const filters: [string, ExecutionFilter][] = [
    ["no filter", {}],
    ["status=failed", { statuses: ["failed"] }],
    ["status=succeeded", { statuses: ["succeeded"] }],
    ["status=failed,dead_lettered,cancelled", { statuses: ["failed", "dead_lettered", "cancelled"] }],
    ["processor", { processor: "p3" }],
    ["label", { label: "team=t3" }],
    ["rare label", { label: "rare=yes" }],
    ["label and processor", { label: "team=t3", processor: "p3" }],
    ["processor and status=succeeded", { processor: "p7", statuses: ["succeeded"] }],
    ["nothing matches: status and processor", { statuses: ["failed"], processor: "p4" }],
  ];
  for (const [kind, list] of [
    ["executions", findExecutions],
    ["requests", listRequests],
  ] as const) {
    for (const [name, filter] of filters) {
      if (kind === "requests" && filter.statuses) continue;
      const columns: string[] = [];
      for (const [place, until] of Object.entries(places)) {
        const times: number[] = [];
        for (let round = 0; round < rounds; round++) {
          const start = performance.now();
          await list({ filter: { ...filter, until }, limit: 20 });
          times.push(performance.now() - start);
        }
        columns.push(`${place} ${median(times).toFixed(2)} (most ${Math.max(...times).toFixed(2)})`);
      }
      console.log(`${kind}, ${name}: ms ${columns.join(", ")}`);
    }
  }
}

/** The CPU time of executions from their creation to the confirmation of their result, in batches of 64. */
async function life(store: Store, executions: number): Promise<number> {
  const before = process.cpuUsage();
  for (let done = 0; done < executions; done += 64) {
    const all = Array.from({ length: 64 }, () => madeExecution({ processor: "p1" }));
    await store.executions.insert(all);
    const claim = { worker_id: newId(), claim_id: newId() };
    const { held } = await store.runs.claim(claim, all.map(refOf));
    await store.runs.finish(held.map((run) => ({ ...runOf(run), outcome: madeOutcome() })));
    const published = held.map(({ request_id, attempt }) => ({ request_id, attempt, mark: "outcome" }));
    await store.outbox.clear(published);
    await store.confirmations.confirm(published);
  }
  const { user, system } = process.cpuUsage(before);
  return (user + system) / executions;
}

async function sqlite(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "sate-finding-"));
  try {
    const path = join(folder, "sate.db");
    const file = sqliteFile(path);
    // The disk is not measured.
    file.db.run("PRAGMA journal_mode = WAL");
    file.db.run("PRAGMA synchronous = OFF");
    const store = sqliteStore(file);
    await store.open();
    await fill(store);
    console.log(`${(statSync(path).size / 2 ** 20).toFixed(0)} MiB`);
    await pages(store);
    const executions = 20_000;
    const having = Math.round(await life(store, executions));
    const added = ["executions_by_id", "executions_by_status", "executions_by_processor"];
    for (const name of added) file.db.run(`DROP INDEX ${name}`);
    file.db.run(
      "CREATE INDEX running_executions ON executions (request_id, attempt) WHERE status = 'running'",
    );
    const without = Math.round(await life(store, executions));
    console.log(`SQLite, CPU per execution: ${having} µs with the indexes, ${without} µs with those before`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function mongo(): Promise<void> {
  const url = new URL(Bun.env.REQUESTS_MONGO_URL ?? "");
  url.pathname = `/finding-${newId()}`;
  const store = mongoStore({ url: url.href, counters: createCounters(), deadlineMs: 60_000 });
  await store.open();
  await fill(store);
  await pages(store);
  await store.close();
}

await (database === "mongo" ? mongo() : sqlite());
