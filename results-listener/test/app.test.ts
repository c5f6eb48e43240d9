import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { problemContentType } from "@sate/contracts";
import { listenerOn, resultsFile, serviceToken } from "./listener.ts";
import { outcomeOf, received } from "./records.ts";

const file = resultsFile();
const it = listenerOn(file);
const authorization = `Bearer ${serviceToken}`;
const ask = (path: string, init: RequestInit = {}) =>
  it.listener.app.handle(new Request(`http://localhost${path}`, init));

beforeAll(() => it.listener.start());
afterAll(async () => {
  await it.listener.stop();
  file[Symbol.dispose]();
});

describe("the door of the listener", () => {
  test("anybody may ask whether it is alive and ready", async () => {
    expect(await (await ask("/live")).json()).toEqual({ live: true });
    const ready = await ask("/ready");
    expect([ready.status, await ready.json()]).toEqual([200, { ready: true, reasons: [] }]);
  });

  test("it is not ready while the consumer is out of its group", async () => {
    it.consumer.complains = "The consumer is not in its group.";
    const ready = await ask("/ready");
    expect([ready.status, await ready.json()]).toEqual([
      503,
      { ready: false, reasons: ["The consumer is not in its group."] },
    ]);
    it.consumer.complains = null;
  });

  test("counters are for those who have the token", async () => {
    await it.consumer.deliver([received(outcomeOf("succeeded"))]);
    for (const headers of [{}, { authorization: "Bearer wrong" }, { authorization: `${authorization}x` }]) {
      const answer = await ask("/metrics", { headers });
      expect([answer.status, answer.headers.get("content-type")]).toEqual([401, problemContentType]);
    }
    const metrics = await ask("/metrics", { headers: { authorization } });
    expect(await metrics.text()).toContain("sate_results_recorded_total 1\n");
  });

  test("there is nothing else", async () => {
    for (const path of ["/", "/internal/results/of-request", "/live/x"]) {
      for (const method of ["GET", "POST"]) {
        const answer = await ask(path, { method, headers: { authorization } });
        expect(answer.status).toBe(404);
        expect(await answer.json()).toMatchObject({ type: "urn:sate:problem:not-found" });
      }
    }
  });
});

test("every route wants the token, but the two that orchestrators ask", async () => {
  const open = ["GET /live", "GET /ready"];
  const statusOf = async (route: string, token?: string) => {
    const [method = "", path = ""] = route.split(" ");
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
    return (await it.listener.app.handle(new Request(`http://localhost${path}`, { method, headers }))).status;
  };
  const routes = it.listener.app.routes.map(({ method, path }) => `${method} ${path}`);
  expect(routes.length).toBeGreaterThanOrEqual(3);
  for (const route of routes) {
    const isOpen = open.includes(route);
    for (const token of [
      undefined,
      "",
      `${serviceToken}x`,
      serviceToken.slice(1),
      serviceToken.toUpperCase(),
    ]) {
      expect([route, token, (await statusOf(route, token)) === 401]).toEqual([route, token, !isOpen]);
    }
    expect(await statusOf(route, serviceToken)).not.toBe(401);
  }
});
