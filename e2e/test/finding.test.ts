import { expect, test } from "bun:test";
import { randomUUID } from "node:crypto";
import type { Body } from "../src/clients/client.ts";
import { walk } from "../src/clients/walk.ts";
import { sharedSystem } from "../src/system/shared-system.ts";
import { until } from "../src/until.ts";

const { client } = await sharedSystem();

const idsOf = async (list: "executions" | "requests", query: string) =>
  (await walk(client, list, query)).map(({ id }) => id);

type Bulk = Body & { matched: number; cancelled: number; skipped: object[]; next?: string };
const cancel = async (body: object) => {
  const { status, json, text } = await client.post("/executions/cancel", body);
  if (status !== 200) throw new Error(`POST /executions/cancel returned ${status}: ${text}`);
  return json as Bulk;
};

/** A request with labels, and its execution. */
async function executed(labels: object, options: { processor?: string; body?: object } = {}) {
  const { processor, body } = options;
  const { json } = await client.post("/requests", { payload: 1, labels, processor });
  const execution = await client.execute(json.id, body);
  expect(execution.status).toBe(201);
  return { requestId: json.id, id: execution.json.id };
}

test("requests and executions are found by label, status, processor and time, in pages", async () => {
  const team = randomUUID();
  const all = [];
  for (let index = 0; index < 5; index++) {
    all.unshift(await executed({ team }, { body: { force_error: index === 1 } }));
  }
  const ids = all.map(({ id }) => id);
  for (const { requestId, id } of all) await client.ended(requestId, id);
  const label = `label=team:${team}`;
  expect(await idsOf("executions", `${label}&limit=2`)).toEqual(ids);
  expect(await idsOf("requests", `${label}&limit=2`)).toEqual(all.map(({ requestId }) => requestId));
  expect(await idsOf("executions", `${label}&status=failed`)).toEqual([ids[3] as string]);
  expect(await idsOf("executions", `${label}&status=failed,succeeded&processor=simulate`)).toEqual(ids);
  expect(await idsOf("executions", `${label}&processor=trial-fast`)).toEqual([]);
  const state = await client.get(`/requests/${all[0]?.requestId}/executions/${ids[0]}`);
  expect(state.json.labels).toEqual({ team });
  const soon = new Date(Date.now() + 3_600_000).toISOString();
  const ago = new Date(Date.now() - 3_600_000).toISOString();
  expect(await idsOf("executions", `${label}&since=${ago}&until=${soon}`)).toEqual(ids);
  expect(await idsOf("executions", `${label}&since=${soon}`)).toEqual([]);
  // Whatever else the system has done: each once, newest first.
  const succeeded = await idsOf("executions", "status=succeeded&limit=100");
  expect(succeeded).toEqual([...new Set(succeeded)].toSorted().toReversed());
  for (const id of ids.filter((_, index) => index !== 3)) expect(succeeded).toContain(id);
}, 60_000);

test("what waits and what runs is cancelled in bulk, page by page, and ends with one outcome each", async () => {
  const team = randomUUID();
  const start_after = new Date(Date.now() + 3_600_000).toISOString();
  const waiting = [];
  for (let index = 0; index < 4; index++) waiting.push(await executed({ team }, { body: { start_after } }));
  // It ends only when it is cancelled.
  const running = await executed({ team }, { processor: "trial-hanging" });
  await until(
    "it runs",
    30_000,
    async () => (await client.status(running.requestId, running.id)) === "running",
  );
  const done = await executed({ team });
  await client.ended(done.requestId, done.id);

  const filter = { label: `team:${team}`, since: new Date(Date.now() - 3_600_000).toISOString() };
  expect(await cancel({ filter, dry_run: true })).toEqual({ matched: 5, cancelled: 5, skipped: [] } as never);
  let cancelled = 0;
  for (let cursor: string | undefined, more = true; more; more = cursor !== undefined) {
    const page: Bulk = await cancel({ filter, limit: 2, ...(cursor && { cursor }) });
    cancelled += page.cancelled;
    cursor = page.next;
  }
  expect(cancelled).toBe(5);
  for (const { requestId, id } of [...waiting, running]) {
    expect(await client.ended(requestId, id)).toBe("cancelled");
    expect(await client.results(requestId)).toMatchObject([
      { is_success: false, error: { code: "cancelled" } },
    ]);
  }
  expect(await client.status(done.requestId, done.id)).toBe("succeeded");
  expect(await cancel({ filter })).toEqual({ matched: 0, cancelled: 0, skipped: [] } as never);
}, 90_000);

test("of bulk cancellations that race submissions, claims and each other, every execution has exactly one outcome", async () => {
  const team = randomUUID();
  const filter = { label: `team:${team}`, all: true };
  const submitted = Array.from({ length: 40 }, async (_, index) => {
    if (index % 10 === 0) await Promise.all([cancel({ filter }), cancel({ filter, limit: 3 })]);
    return executed({ team });
  });
  for (const { requestId, id } of await Promise.all(submitted)) {
    expect(["succeeded", "cancelled"]).toContain(await client.ended(requestId, id));
    expect(await client.results(requestId)).toHaveLength(1);
  }
}, 90_000);
