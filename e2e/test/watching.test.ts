import { describe, expect, test } from "bun:test";
import { readEvents, type StreamEvent } from "../src/clients/event-source.ts";
import type { Announced } from "../src/system/processes.ts";
import { sharedSystem } from "../src/system/shared-system.ts";
import { killAndRestart } from "../src/system/system.ts";
import { until } from "../src/until.ts";

/** Clients that wait for executions, and that stream them. */

const { system, client } = await sharedSystem();
const isCluster = system.kind === "cluster";

type Waited = { status: string; id: string; result?: { id: string; is_success: boolean; outputs: unknown } };

/** Sends `Prefer: wait=N`. */
async function wait(method: "GET" | "POST", path: string, seconds: number) {
  const headers = { prefer: `wait=${seconds}`, "content-type": "application/json" };
  const signal = AbortSignal.timeout((seconds + 20) * 1_000);
  const body = method === "POST" ? { body: "{}" } : {};
  const response = await fetch(`${system.url}${path}`, { method, headers, signal, ...body });
  expect(response.headers.get("preference-applied")).toBe(`wait=${seconds}`);
  return { status: response.status, json: (await response.json()) as Waited };
}

async function started(payload: unknown, processor: string) {
  const requestId = await client.createRequest(payload, processor);
  const { status, json } = await client.execute(requestId);
  expect(status).toBe(201);
  const path = `/requests/${requestId}/executions/${json.id}`;
  return { requestId, path, events: `${system.url}${path}/events` };
}

const logOf = (events: StreamEvent[]) =>
  events.flatMap(({ event, json }) => (event === "log" ? [json as { run: number; text: string }] : []));
const gatewayOf = () => system.processes(isCluster ? "gateway" : "standalone")[0] as Announced;

test("a result that a wait or a stream returns can be read by every client", async () => {
  const one = async (index: number) => {
    const requestId = await client.createRequest({ do: "succeed", index }, "acts-module");
    let id: unknown;
    if (index % 2 === 0) {
      const { status, json } = await wait("POST", `/requests/${requestId}/executions`, 60);
      expect([status, json.status, json.result?.is_success]).toEqual([201, "succeeded", true]);
      id = json.result?.id;
    } else {
      const { json } = await client.execute(requestId);
      const url = `${system.url}/requests/${requestId}/executions/${json.id}/events`;
      const { events } = await readEvents(url);
      id = events.at(-1)?.json.id;
    }
    const { json } = await client.get(`/requests/${requestId}/results`);
    expect(json.results.map((result) => result.id)).toEqual([id as string]);
  };
  await Promise.all(Array.from({ length: 32 }, (_, index) => one(index)));
}, 120_000);

test("a wait that is over returns the status that was reached", async () => {
  const requestId = await client.createRequest(null, "counts");
  const { status, json } = await wait("POST", `/requests/${requestId}/executions`, 1);
  expect([status, json.result]).toEqual([201, undefined]);
  expect(["queued", "running"]).toContain(json.status);
  const path = `/requests/${requestId}/executions/${json.id}`;
  const ended = await wait("GET", path, 60);
  expect(ended).toMatchObject({ status: 200, json: { status: "succeeded", result: { outputs: 30 } } });
}, 90_000);

test("the stream of a run has its states, its progress, its whole log and its result", async () => {
  const { path, events: url } = await started(null, "counts");
  const { events, connections } = await readEvents(url);
  const states = events.flatMap(({ event, json }) => (event === "status" ? [json.status] : []));
  expect(new Set(states).size).toBe(states.length);
  expect([states.at(-1), connections]).toEqual(["succeeded", 1]);
  expect(events.some(({ event }) => event === "progress")).toBe(true);
  const log = (await client.get(`${path}/log`)).text;
  expect(
    logOf(events)
      .map(({ text }) => text)
      .join(""),
  ).toBe(log);
  expect(log).toContain("step 30\n");
  expect(events.at(-1)?.json).toMatchObject({ is_success: true, outputs: 30 });
  const last = await fetch(url, { headers: { "last-event-id": events.at(-1)?.id as string } });
  expect(last.status).toBe(204);
}, 60_000);

describe("kill -9 of the gateway", () => {
  test("a client that connects again with Last-Event-ID misses no event and gets none twice", async () => {
    const { path, events: url } = await started(null, "counts");
    let seen = 0;
    const reading = readEvents(url, { onEvent: () => seen++ });
    await until("it streams a log", 30_000, () => seen > 3);
    await killAndRestart(system, gatewayOf());
    const { events, connections } = await reading;
    expect(connections).toBeGreaterThan(1);
    const ids = events.map(({ event, id }) => `${event} ${id}`);
    expect(new Set(ids).size).toBe(ids.length);
    const runs = Map.groupBy(logOf(events), ({ run }) => run);
    for (const [run, parts] of runs) {
      const { text } = await client.get(`${path}/log?epoch=${run}`);
      expect([run, parts.map((part) => part.text).join("")]).toEqual([run, text]);
    }
    const { json } = await client.get(path);
    expect(json.status).toBe("succeeded");
    expect(runs.get((json as unknown as { runs: number }).runs)?.at(-1)?.text).toContain("step 30\n");
    await system.ready();
  }, 180_000);

  test("a waiting client repeats its call, and gets the result", async () => {
    const { path } = await started(null, "counts");
    const waiting = wait("GET", path, 60);
    waiting.catch(() => {});
    await until("it runs", 30_000, async () => (await client.get(path)).json.status === "running");
    await killAndRestart(system, gatewayOf());
    await expect(waiting).rejects.toThrow();
    await system.ready();
    const { json } = await wait("GET", path, 60);
    expect(json).toMatchObject({ status: "succeeded", result: { outputs: 30 } });
  }, 180_000);
});

if (isCluster) {
  test("while the broker is frozen waits end with the status reached; once it is back they return the result", async () => {
    const [kafka] = system.processes("kafka") as [Announced];
    process.kill(kafka.pid, "SIGSTOP");
    const requestId = await client.createRequest({ do: "succeed" }, "acts-module");
    const path = `/requests/${requestId}/executions`;
    const { status, json } = await wait("POST", path, 5);
    expect([status, json.result]).toEqual([201, undefined]);
    const waiting = wait("GET", `${path}/${json.id}`, 60);
    const reading = readEvents(`${system.url}${path}/${json.id}/events`);
    await killAndRestart(system, kafka);
    expect((await waiting).json).toMatchObject({ status: "succeeded", result: { is_success: true } });
    expect((await reading).events.at(-1)?.json).toMatchObject({ is_success: true });
    await system.ready();
  }, 180_000);
}
