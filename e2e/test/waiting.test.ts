import { afterAll, expect, test } from "bun:test";
import { machineNs } from "../src/runs/monotonic.ts";
import { runsByExecution } from "../src/runs/run-log.ts";
import { type RemoteWorker, startRemoteWorker } from "../src/system/remote-worker.ts";
import { sharedSystem } from "../src/system/shared-system.ts";
import { until } from "../src/until.ts";

const { system, client } = await sharedSystem();
let worker: RemoteWorker | undefined;
afterAll(() => worker?.stop(), 60_000);

const stateOf = async (requestId: string, executionId: string) =>
  (await client.get(`/requests/${requestId}/executions/${executionId}`)).json;
/** A processor that only remote workers serve, under a name of its own. */
const name = "acts-away";
const isAway = async () => (await client.get(`/processors/${name}`)).json.workers?.length === 0;

test("an execution does not start before its `start_after`", async () => {
  const requestId = await client.createRequest({ later: true }, "trial-fast");
  const from = machineNs();
  const start_after = new Date(Date.now() + 2_000).toISOString();
  const { status, json } = await client.execute(requestId, { start_after });
  expect(status).toBe(201);
  expect(await stateOf(requestId, json.id)).toMatchObject({
    status: "queued",
    start_after: expect.any(String),
  });
  expect(await client.ended(requestId, json.id)).toBe("succeeded");
  const [run] = runsByExecution(system.runLog).get(json.id) ?? [];
  // Both are clocks of this machine, read at two moments.
  expect(Number((run?.startedAt ?? 0n) - from) / 1e6).toBeGreaterThan(1_950);
}, 60_000);

test("a waiting execution is cancelled at once, and active until then", async () => {
  const requestId = await client.createRequest({ later: true }, "trial-fast");
  const start_after = new Date(Date.now() + 3_600_000).toISOString();
  const { json } = await client.execute(requestId, { start_after });
  expect((await client.execute(requestId)).json.type).toBe("urn:sate:problem:execution-active");
  await client.post(`/requests/${requestId}/executions/${json.id}/cancel`);
  expect((await stateOf(requestId, json.id)).status).toBe("cancelled");
  expect(runsByExecution(system.runLog).has(json.id)).toBe(false);
});

test("a processor that was never announced is refused with 422 and the names that are known", async () => {
  const { status, json } = await client.post("/requests", { payload: 1, processor: "never-announced" });
  expect([status, json.type]).toEqual([422, "urn:sate:problem:unknown-processor"]);
  expect(json.processors).toContain("trial-fast");
});

test("without a live worker an execution waits or expires; it runs once a worker is back", async () => {
  worker = await startRemoteWorker(system, name);
  await worker.stop();
  await until("its worker is away", 60_000, isAway);
  const requestId = await client.createRequest({ do: "succeed" }, name);
  const { status, json } = await client.execute(requestId);
  expect(status).toBe(201);
  const other = await client.createRequest({ do: "succeed" }, name);
  const expiring = await client.execute(other, { expires_in_seconds: 1 });
  expect(await client.ended(other, expiring.json.id)).toBe("failed");
  const [result] = await client.results(other);
  expect(result?.error).toMatchObject({ code: "expired" });
  expect((await stateOf(requestId, json.id)).status).toBe("queued");
  worker = await startRemoteWorker(system, name);
  expect(await client.ended(requestId, json.id)).toBe("succeeded");
}, 120_000);

test("a processor cannot be withdrawn while it is served; withdrawing it ends its waiting executions, and no new ones are accepted until it is announced again", async () => {
  const withdraw = () => client.ask("DELETE", `/processors/${name}`);
  expect((await withdraw()).json.type).toBe("urn:sate:problem:processor-served");
  await worker?.stop();
  await until("its worker is away", 60_000, isAway);
  const requestId = await client.createRequest({ do: "succeed" }, name);
  const { json } = await client.execute(requestId);
  const others = await Promise.all(
    Array.from({ length: 100 }, () => client.createRequest({ do: "succeed" }, name)),
  );
  expect((await withdraw()).status).toBe(204);
  expect(await client.ended(requestId, json.id)).toBe("failed");
  const [result] = await client.results(requestId);
  expect(result?.error).toMatchObject({ code: "processor_withdrawn" });
  // A replica of requests-service may know it for another second. What it still accepts fails in the same way, so each
  // attempt is another request's: three failures of one would exhaust it.
  const refused = await until("it is refused", 30_000, async () => {
    const { status, json } = await client.execute(others.pop() as string);
    return status === 422 && json.type;
  });
  expect(refused).toBe("urn:sate:problem:unknown-processor");
  worker = await startRemoteWorker(system, name);
  // Each replica of requests-service sees it within a moment.
  const next = await until("it is accepted again", 5_000, async () => {
    const { status, json } = await client.execute(requestId);
    return status === 201 && json.id;
  });
  expect(await client.ended(requestId, next)).toBe("succeeded");
}, 120_000);
