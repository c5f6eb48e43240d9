import { afterAll, describe, expect, test } from "bun:test";
import { limits, type RequestsApi, requestsApi, Unavailable } from "@sate/contracts";
import { createCounters } from "@sate/contracts/runtime";
import { commandRoutes } from "../../src/runtime/command-routes.ts";
import { createInternalApp } from "../../src/runtime/internal-app.ts";
import { newId } from "../builders.ts";
import { createCore } from "../core.ts";
import { post, serviceToken } from "../door.ts";
import { fakeLog } from "../fakes/log.ts";

const core = createCore();
afterAll(() => core.store.close());
let reasons: string[] = [];
const log = fakeLog();
const parts = { serviceToken, notReadyReasons: async () => reasons, counters: createCounters(), log };
const appOf = (commands: RequestsApi) =>
  createInternalApp({ ...parts, routes: commandRoutes(requestsApi, commands) });
const app = appOf(core.commands);

async function problemOf(response: Response) {
  expect(response.headers.get("content-type")).toBe("application/problem+json");
  const body = (await response.json()) as { type: string; status: number; detail: string; message: string };
  expect(body.status).toBe(response.status);
  expect(body.message).toBe(body.detail);
  return body.type.replace("urn:sate:problem:", "");
}
const get = (path: string, headers: Record<string, string> = {}) =>
  app.handle(new Request(`http://localhost${path}`, { headers }));

describe("every operation of the table", () => {
  for (const [name, { path }] of Object.entries(requestsApi)) {
    describe(name, () => {
      test("wants the token", async () => {
        const tokens = [
          "",
          "Bearer ",
          `Bearer ${serviceToken}x`,
          `Bearer ${serviceToken.slice(1)}`,
          `bearer ${serviceToken}`,
          serviceToken,
          `Basic ${btoa(`x:${serviceToken}`)}`,
        ];
        for (const authorization of tokens) {
          const response = await post(app, path, "{}", { authorization });
          expect([response.status, await problemOf(response)]).toEqual([401, "unauthorized"]);
        }
      });

      test("refuses what has not its shape, and says nothing of what it was", async () => {
        for (const body of ["null", "[]", '"secret-text"', "1", '{"secret":"secret-text"}']) {
          const response = await post(app, path, body);
          const text = await response.clone().text();
          expect([body, response.status, await problemOf(response)]).toEqual([body, 422, "invalid-body"]);
          expect(text).not.toContain("secret");
        }
      });

      test("refuses what is not JSON", async () => {
        for (const body of ['{"a":', "{'a':1}", "NaN"]) {
          const response = await post(app, path, body);
          expect([body, response.status, await problemOf(response)]).toEqual([body, 400, "malformed-json"]);
        }
        expect((await post(app, path, "")).status).toBeOneOf([400, 422]);
      });

      test("is a POST", async () => {
        const response = await get(path, { authorization: `Bearer ${serviceToken}` });
        expect([response.status, await problemOf(response)]).toEqual([404, "not-found"]);
      });
    });
  }
});

describe("limits of a body", () => {
  const request = () => ({ id: newId(), payload_json: "1" });
  const ref = () => ({ request_id: newId(), attempt: 1, execution_id: newId() });
  const ids = { worker_id: newId(), claim_id: newId() };
  const cases: [string, number, (count: number) => object][] = [
    [
      "createRequests",
      limits.batchItemsMax,
      (count) => ({ requests: Array.from({ length: count }, request) }),
    ],
    ["claim", limits.claimMax, (count) => ({ ...ids, executions: Array.from({ length: count }, ref) })],
    ["claimAny", limits.claimMax, (limit) => ({ ...ids, limit })],
    ["listRequests", limits.pageMax, (limit) => ({ limit })],
  ];
  for (const [name, max, body] of cases) {
    test(`${name}: ${max} and no more`, async () => {
      const { path } = requestsApi[name as keyof typeof requestsApi];
      const statuses = [];
      for (const count of [max, max + 1]) {
        statuses.push((await post(app, path, JSON.stringify(body(count)))).status);
      }
      expect(statuses).toEqual([200, 422]);
    });
  }
});

test("ids that are no ids are refused", async () => {
  const wrong = [
    "",
    "x",
    newId().toUpperCase(),
    `${newId()} `,
    `${newId().slice(0, 35)}\u0000`,
    { $ne: null },
    ["a"],
  ];
  for (const id of wrong) {
    const response = await post(app, requestsApi.getRequest.path, JSON.stringify({ request_id: id }));
    expect([id, response.status]).toEqual([id, 422]);
  }
});

test("fields that it does not know are a newer caller's, and reach nothing", async () => {
  const worker = await core.worker();
  const run = await core.run(worker);
  const time = "2020-11-07 16:31:58.103057";
  const outcome = {
    ...{ status: "failed", result_id: newId(), error: { code: "x", message: "y" } },
    ...{ processing_start_time: time, processing_end_time: time, processing_total_seconds: 0 },
  };
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
  test("whether it lives and is ready needs no token; why it is not ready does", async () => {
    reasons = [];
    const authorization = `Bearer ${serviceToken}`;
    expect(await (await get("/live")).json()).toEqual({ live: true });
    const ready = await get("/ready");
    expect([ready.status, await ready.json()]).toEqual([200, { ready: true }]);
    expect(await (await get("/ready", { authorization })).json()).toEqual({ ready: true, reasons: [] });
    reasons = ["The broker does not respond."];
    for (const stranger of [{}, { authorization: `${authorization}x` }] as Record<string, string>[]) {
      const verdict = await get("/ready", stranger);
      expect([verdict.status, await verdict.json()]).toEqual([503, { ready: false }]);
    }
    const told = await get("/ready", { authorization });
    expect([told.status, await told.json()]).toEqual([503, { ready: false, reasons }]);
    expect((await get("/live")).status).toBe(200);
  });

  test("the counters want it", async () => {
    expect((await get("/metrics")).status).toBe(401);
    parts.counters.add("tests");
    const metrics = await get("/metrics", { authorization: `Bearer ${serviceToken}` });
    expect(await metrics.text()).toContain("sate_tests_total 1");
  });

  test("no route can be reached as if it were an open one, and a host may have a short name", async () => {
    const ask = (url: string, headers: Record<string, string> = {}) =>
      app.handle(new Request(url, { method: "POST", body: "{}", headers }));
    for (const host of ["a", "ab", "abc", "a:1", "localhost"]) {
      for (const { path } of Object.values(requestsApi)) {
        for (const open of ["/live", "/ready"]) {
          for (const between of ["?", "#", "?x=", "/..", "//"]) {
            const address = `http://${host}${open}${between}${path}`;
            expect([address, (await ask(address)).status]).toEqual([address, 401]);
          }
        }
        const authorization = `Bearer ${serviceToken}`;
        expect([host, path, (await ask(`http://${host}${path}`, { authorization })).status]).toEqual([
          ...[host, path, 422],
        ]);
      }
      expect((await app.handle(new Request(`http://${host}/live`))).status).toBe(200);
    }
  });

  test("a body is not read for whoever does not have the token", async () => {
    for (const { path } of Object.values(requestsApi)) {
      let pulls = 0;
      const body = new ReadableStream({ pull: () => void pulls++ }, { highWaterMark: 0 });
      const headers = { "content-type": "application/json" };
      const request = new Request(`http://localhost${path}`, { method: "POST", body, headers });
      expect([(await app.handle(request)).status, pulls]).toEqual([401, 0]);
    }
  });

  test("an unknown route: 401 without the token, so that nobody can look around, else 404", async () => {
    for (const path of ["/", "/internal/requests", "/live/x", "/%00", "/..%2f..%2fetc%2fpasswd"]) {
      expect((await get(path)).status).toBe(401);
      const response = await get(path, { authorization: `Bearer ${serviceToken}` });
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

  test("because something is away: 503 with Retry-After, and why stands in the log alone", async () => {
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

test("every route wants the token, but the two that orchestrators ask", async () => {
  const open = ["GET /live", "GET /ready"];
  const statusOf = async (route: string, token?: string) => {
    const [method = "", path = ""] = route.split(" ");
    const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
    return (await app.handle(new Request(`http://localhost${path}`, { method, headers }))).status;
  };
  const routes = app.routes.map(({ method, path }) => `${method} ${path}`);
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
