import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Client, createClient } from "../src/clients/client.ts";
import { sharedSystem } from "../src/system/shared-system.ts";
import { killAndRestart, type System, services, startSystem } from "../src/system/system.ts";
import { until } from "../src/until.ts";

/**
 * Standalone fires by the clock of its machine, which is set to just before a full minute here. A cluster fires by the
 * clock of its database, which nothing sets: there it takes up to a minute.
 */
const folder = mkdtempSync(join(tmpdir(), "sate-schedules-"));
const clockFile = join(folder, "clock");
const minuteMs = 60_000;
const isStandalone = Bun.env.SYSTEM !== "cluster";
let shiftMs = 0;

/** Sets the clock of standalone so that it is this long before its next full minute, or before a later or earlier one. */
function setClock(beforeMinuteMs: number, minutes = 0): void {
  const now = Date.now() + shiftMs;
  const next = Math.ceil(now / minuteMs) * minuteMs;
  shiftMs += next - beforeMinuteMs + minutes * minuteMs - now;
  writeFileSync(clockFile, String(shiftMs));
}

async function start(): Promise<{ system: System; client: Client; stop: () => Promise<unknown> }> {
  if (!isStandalone) return { ...(await sharedSystem()), stop: async () => {} };
  setClock(30_000);
  const settings = { LEASE_SECONDS: "5", PROCESSING_SECONDS: "0.05", LOG_LEVEL: "error" };
  const system = await startSystem("standalone", {
    settings: { ...settings, SERVICE_TOKEN: "e2e-token-of-the-services" },
    environmentOf: () => ({ CLOCK_FILE: clockFile }),
  });
  return { system, client: createClient(system.url), stop: system.stop };
}

const { system, client, stop } = await start();
afterAll(async () => {
  await stop();
  rmSync(folder, { recursive: true });
}, 60_000);

type Schedule = {
  id: string;
  paused: boolean;
  next_firings: string[];
  last_firing?: { scheduled_at: string; request_uri: string; execution_uri: string; status: string };
};
const stateOf = async (id: string) => (await client.get(`/schedules/${id}`)).json as unknown as Schedule;

/** A schedule that fires every minute, whose requests have this payload. */
async function everyMinute(payload: unknown): Promise<string> {
  const request = { payload, processor: "trial-fast" };
  const { status, json } = await client.post("/schedules", { cron: "* * * * *", request });
  expect(status).toBe(201);
  return json.id;
}

/** The ids of the requests that the schedule has created, whether or not it still exists. */
async function requestsOf(scheduleId: string): Promise<string[]> {
  const { requests } = (await client.get(`/requests?limit=100&label=sate.schedule:${scheduleId}`)).json;
  return requests.map(({ id }) => id);
}

test("a schedule creates a request at its minute and executes it; paused and deleted ones do not", async () => {
  // So that no minute begins before the second schedule is paused and the third deleted.
  if (isStandalone) setClock(30_000);
  else await until("the minute is not about to end", minuteMs, () => Date.now() % minuteMs < 45_000);
  const payloads = ["active", "paused", "deleted"].map((marker) => ({ marker }));
  const [active, paused, deleted] = await Promise.all(payloads.map(everyMinute));
  const [first] = (await stateOf(active as string)).next_firings;
  await client.post(`/schedules/${paused}/pause`);
  expect((await client.ask("DELETE", `/schedules/${deleted}`)).status).toBe(204);
  if (isStandalone) setClock(1_500);
  const fired = await until("it has fired", 2 * minuteMs, async () => {
    const { last_firing } = await stateOf(active as string);
    return last_firing?.status === "succeeded" && last_firing;
  });
  const { json } = await client.get(fired.request_uri);
  expect(json).toMatchObject({ payload: payloads[0], processor: "trial-fast" });
  expect((await client.get(fired.execution_uri)).json).toMatchObject({ status: "succeeded", attempt: 1 });
  expect(await client.results(json.id)).toHaveLength(1);
  expect(fired.scheduled_at >= (first as string)).toBe(true);
  expect(await requestsOf(active as string)).toContain(json.id);
  for (const id of [paused, deleted]) expect(await requestsOf(id as string)).toEqual([]);
  await client.ask("DELETE", `/schedules/${active}`);
  await client.ask("DELETE", `/schedules/${paused}`);
}, 180_000);

test("each minute fires once, across kills and, in standalone, a clock that is set back", async () => {
  const id = await everyMinute({ marker: "once" });
  const firedAfter = (instant: string) =>
    until("it has fired", 2 * minuteMs, async () => {
      const at = (await stateOf(id)).last_firing?.scheduled_at ?? "";
      return at > instant && at;
    });
  if (isStandalone) setClock(1_500);
  // The kills hit the instant of the firing, before or after it.
  const victims = services(system, isStandalone ? "standalone" : "requests-service");
  const first = firedAfter("");
  const [next = ""] = (await stateOf(id)).next_firings;
  if (isStandalone)
    await until("its minute has come", minuteMs, () => Date.now() + shiftMs >= Date.parse(`${next}Z`));
  for (const victim of victims) await killAndRestart(system, victim);
  await system.ready();
  const instant = await first;
  if (isStandalone) {
    // The same minute comes again, and then the next one.
    setClock(1_500, -1);
    await until(
      "the minute has passed again",
      minuteMs,
      () => Date.now() + shiftMs > Date.parse(`${instant}Z`) + 3_000,
    );
    setClock(1_500);
    await firedAfter(instant);
  }
  await client.ask("DELETE", `/schedules/${id}`);
  const ids = await requestsOf(id);
  expect(new Set(ids).size).toBe(ids.length);
  if (isStandalone) expect(ids).toHaveLength(2);
  for (const requestId of ids) {
    expect((await client.get(`/requests/${requestId}/executions`)).json.executions).toHaveLength(1);
  }
}, 240_000);

test("a schedule that would never fire is refused", async () => {
  const { status, json } = await client.post("/schedules", { cron: "0 0 30 2 *", request: { payload: 1 } });
  expect([status, json.type, json.field]).toEqual([422, "urn:sate:problem:invalid-body", "cron"]);
});
