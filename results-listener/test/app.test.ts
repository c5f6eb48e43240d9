import { afterAll, beforeAll, expect, test } from "bun:test";
import { listenerOn, resultsFile, serviceToken } from "./listener.ts";
import { outcomeOf, received } from "./records.ts";

const file = resultsFile();
const it = listenerOn(file);
const ask = (path: string) =>
  it.listener.app.handle(
    new Request(`http://localhost${path}`, { headers: { authorization: `Bearer ${serviceToken}` } }),
  );

beforeAll(() => it.listener.start());
afterAll(async () => {
  await it.listener.stop();
  file[Symbol.dispose]();
});

test("it is not ready while the consumer is not in its group", async () => {
  it.consumer.complains = "The consumer is not in its group.";
  const ready = await ask("/ready");
  expect([ready.status, await ready.json()]).toEqual([
    503,
    { ready: false, reasons: ["The consumer is not in its group."] },
  ]);
  it.consumer.complains = null;
  expect((await ask("/ready")).status).toBe(200);
});

test("it serves its health and its counters, and nothing else", async () => {
  await it.consumer.deliver([received(outcomeOf("succeeded"))]);
  expect(await (await ask("/metrics")).text()).toContain("sate_results_recorded_total 1\n");
  const routes = it.listener.app.routes.map(({ method, path }) => `${method} ${path}`);
  expect(routes.toSorted()).toEqual(["GET /live", "GET /metrics", "GET /ready"]);
});
