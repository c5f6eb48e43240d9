import { afterAll, describe, expect, test } from "bun:test";
import { limits, type RequestsApi, requestsApi, Unavailable } from "@sate/contracts";
import { createCounters } from "@sate/contracts/runtime";
import { fakeLog } from "@sate/contracts/test/fakes/log.ts";
import { commandRoutes } from "../../src/runtime/command-routes.ts";
import { createInternalApp } from "../../src/runtime/internal-app.ts";
import { madeOutcome, newId } from "../builders.ts";
import { createCore } from "../core.ts";
import { post, serviceToken } from "../door.ts";

const core = createCore();
afterAll(() => core.store.close());
let reasons: string[] = [];
const log = fakeLog();
const parts = { serviceToken, notReadyReasons: async () => reasons, counters: createCounters(), log };
const appOf = (commands: RequestsApi) =>
  createInternalApp({ ...parts, routes: commandRoutes(requestsApi, commands) });
const app = appOf(core.commands);
const authorization = `Bearer ${serviceToken}`;

async function problemOf(response: Response) {
  expect(response.headers.get("content-type")).toBe("application/problem+json");
  const body = (await response.json()) as { type: string; status: number; detail: string; message: string };
  expect(body.status).toBe(response.status);
  expect(body.message).toBe(body.detail);
  return body.type.replace("urn:sate:problem:", "");
}
const get = (path: string, headers: Record<string, string> = {}) =>
  app.handle(new Request(`http://localhost${path}`, { headers }));

/** The operations whose body has no required field. */
const withoutFields: string[] = [requestsApi.listProcessors.path, requestsApi.listWebhooks.path];
const operations = Object.entries(requestsApi).map(([name, { path }]) => [name, path] as const);

describe.each(operations)("%s", (_, path) => {
  test.each([
    [422, "invalid-body", ["null", "[]", '"secret-text"', "1", '{"secret":"secret-text"}']],
    [400, "malformed-json", ['{"a":', "{'a':1}", "NaN"]],
  ])(
    "refuses with %d %s a body without its shape, and says nothing of what it was",
    async (status, name, bodies) => {
      for (const body of bodies) {
        if (withoutFields.includes(path) && body.startsWith('{"secret')) continue;
        const response = await post(app, path, body);
        const text = await response.clone().text();
        expect([body, response.status, await problemOf(response)]).toEqual([body, status, name]);
        expect(text).not.toContain("secret");
      }
    },
  );

  test("is a POST", async () => {
    const response = await get(path, { authorization });
    expect([response.status, await problemOf(response)]).toEqual([404, "not-found"]);
  });

  test("requires the token even if its address resembles an open route, also under a short host name", async () => {
    const ask = async (url: string, headers: Record<string, string> = {}) =>
      (await app.handle(new Request(url, { method: "POST", body: "{}", headers }))).status;
    for (const host of ["a", "abc", "a:1", "localhost"]) {
      for (const open of ["/live?", "/ready?x=", "/live#", "/ready/..", "/live//"]) {
        const address = `http://${host}${open}${path}`;
        expect([address, await ask(address)]).toEqual([address, 401]);
      }
      const status = withoutFields.includes(path) ? 200 : 422;
      expect([host, await ask(`http://${host}${path}`, { authorization })]).toEqual([host, status]);
    }
  });

  test("does not read a body without the token", async () => {
    let pulls = 0;
    const body = new ReadableStream({ pull: () => void pulls++ }, { highWaterMark: 0 });
    const headers = { "content-type": "application/json" };
    const request = new Request(`http://localhost${path}`, { method: "POST", body, headers });
    expect([(await app.handle(request)).status, pulls]).toEqual([401, 0]);
  });
});

const times = <T>(count: number, make: () => T) => Array.from({ length: count }, make);
const request = () => ({ id: newId(), payload_json: "1" });
const ref = () => ({ request_id: newId(), attempt: 1, execution_id: newId() });
const announcement = () => ({ name: "p", kind: "module", timeout_seconds: 1 });
const chunk = () => ({ ...ref(), epoch: 1, sequence: 0, text: "" });
const ids = { worker_id: newId(), claim_id: newId() };

test.each([
  ["createRequests", limits.batchItemsMax, (count: number) => ({ requests: times(count, request) })],
  ["claim", limits.claimMax, (count: number) => ({ ...ids, executions: times(count, ref) })],
  ["claimAny", limits.claimMax, (limit: number) => ({ ...ids, limit })],
  ["listRequests", limits.pageMax, (limit: number) => ({ limit })],
  [
    "registerWorker",
    limits.workerProcessorsMax,
    (count: number) => ({ worker_id: newId(), processors: times(count, announcement) }),
  ],
  ["appendLogs", limits.batchItemsMax, (count: number) => ({ chunks: times(count, chunk) })],
] as const)("%s accepts %d and no more", async (name, max, bodyOf) => {
  const { path } = requestsApi[name];
  const statusOf = async (count: number) => (await post(app, path, JSON.stringify(bodyOf(count)))).status;
  expect([await statusOf(max), await statusOf(max + 1)]).toEqual([200, 422]);
});

test("unknown fields, as of a newer caller, are accepted and not stored", async () => {
  const worker = await core.worker();
  const run = await core.run(worker);
  const outcome = madeOutcome("failed");
  const body = `{"runs":[${JSON.stringify({ ...run, lost: 99, mark: "x", outcome })}],"__proto__":{"admin":true}}`;
  expect((await post(app, requestsApi.finish.path, body)).status).toBe(200);
  expect(await core.stored(run)).toMatchObject({ status: "failed", lost: 0, mark: "outcome" });
  expect(({} as { admin?: boolean }).admin).toBeUndefined();
});

test("the body is JSON whatever its content type says", async () => {
  const body = JSON.stringify({ request_id: newId() });
  const response = await post(app, requestsApi.getRequest.path, body, { "content-type": "text/plain" });
  expect(await response.json()).toEqual({ kind: "unknown_request" });
});

describe("other routes", () => {
  test("/live and the status of /ready need no token; the reasons of /ready do", async () => {
    reasons = [];
    expect(await (await get("/live")).json()).toEqual({ live: true });
    const ready = await get("/ready");
    expect([ready.status, await ready.json()]).toEqual([200, { ready: true }]);
    expect(await (await get("/ready", { authorization })).json()).toEqual({ ready: true, reasons: [] });
    reasons = ["The broker does not respond."];
    for (const stranger of [{}, { authorization: `${authorization}x` }] as Record<string, string>[]) {
      const verdict = await get("/ready", stranger);
      expect([verdict.status, await verdict.json()]).toEqual([503, { ready: false }]);
    }
    const known = await get("/ready", { authorization });
    expect([known.status, await known.json()]).toEqual([503, { ready: false, reasons }]);
    expect((await get("/live")).status).toBe(200);
  });

  test("/metrics requires the token", async () => {
    expect((await get("/metrics")).status).toBe(401);
    parts.counters.add("tests");
    const metrics = await get("/metrics", { authorization });
    expect(await metrics.text()).toContain("sate_tests_total 1");
  });

  test("an unknown route is 401 without the token, so that routes cannot be probed, and otherwise 404", async () => {
    for (const path of ["/", "/internal/requests", "/live/x", "/%00", "/..%2f..%2fetc%2fpasswd"]) {
      expect(await problemOf(await get(path))).toBe("unauthorized");
      const response = await get(path, { authorization });
      expect([path, response.status, await problemOf(response)]).toEqual([path, 404, "not-found"]);
    }
  });
});

describe("a command that fails", () => {
  const secret = "mongodb://user:secret@host";
  const failing = (error: unknown) => {
    const commands = Object.fromEntries(
      Object.keys(requestsApi).map((name) => [name, () => Promise.reject(error)]),
    ) as unknown as RequestsApi;
    return appOf(commands);
  };
  const body = JSON.stringify({ request_id: newId() });

  test("because a dependency is unavailable: 503 with Retry-After, and only the log has the cause", async () => {
    log.said.length = 0;
    const error = new Unavailable("The Requests DB does not respond.", { cause: new Error(secret) });
    const response = await post(failing(error), requestsApi.getRequest.path, body);
    const text = await response.clone().text();
    expect([response.status, await problemOf(response)]).toEqual([503, "unavailable"]);
    expect(response.headers.get("retry-after")).toMatch(/^[1-9]\d*$/);
    expect(text).toContain("The Requests DB does not respond.");
    expect(text).not.toContain("secret");
    expect(log.said).toEqual(["warn: a command failed: a dependency is unavailable"]);
  });

  test("for any other reason: 500, and nothing of it reaches the caller", async () => {
    for (const error of [new Error(secret), Object.assign(new Error(secret), { status: 418 }), secret]) {
      const response = await post(failing(error), requestsApi.getRequest.path, body);
      const text = await response.clone().text();
      expect([response.status, await problemOf(response)]).toEqual([500, "internal"]);
      expect(text).not.toContain("secret");
    }
  });
});

test("every route requires the token, except /live and /ready", async () => {
  const routes = app.routes.map(({ method, path }) => `${method} ${path}`);
  expect(routes.length).toBeGreaterThan(operations.length);
  const wrong = ["", "Bearer ", `${authorization}x`, authorization.slice(0, -1), authorization.toUpperCase()];
  wrong.push(`bearer ${serviceToken}`, serviceToken, `Basic ${btoa(`x:${serviceToken}`)}`);
  for (const route of routes) {
    const [method = "", path = ""] = route.split(" ");
    const statusOf = async (headers: Record<string, string>) =>
      (await app.handle(new Request(`http://localhost${path}`, { method, headers }))).status;
    const isOpen = ["GET /live", "GET /ready"].includes(route);
    for (const headers of [{}, ...wrong.map((authorization) => ({ authorization }))]) {
      expect([route, headers, (await statusOf(headers)) === 401]).toEqual([route, headers, !isOpen]);
    }
    expect(await statusOf({ authorization })).not.toBe(401);
  }
});
