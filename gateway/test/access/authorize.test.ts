import { describe, expect, test } from "bun:test";
import { newKey, readKeys, type Scope, scopes } from "../../src/access/api-keys.ts";
import { named, type TestGateway, testGateway } from "../support/gateway.ts";

/** Every route of the gateway, and what it requires of a key. A route that is not here fails the first test. */
const required: Record<string, Scope | "none"> = {
  "GET /live": "none",
  "GET /ready": "none",
  "GET /metrics": "admin",
  "GET /": "none",
  "GET /swagger": "none",
  "GET /swagger/json": "none",
  "GET /swagger/swagger-ui.css": "none",
  "GET /swagger/swagger-ui-bundle.js": "none",
  "GET /swagger/start.js": "none",
  "GET /requests": "read",
  "GET /requests/:request_id": "read",
  "GET /requests/:request_id/executions": "read",
  "GET /requests/:request_id/executions/:execution_id": "read",
  "GET /executions": "read",
  "POST /executions/cancel": "admin",
  "GET /requests/:request_id/results": "read",
  "GET /requests/:request_id/executions/:execution_id/results": "read",
  "GET /requests/:request_id/executions/:execution_id/log": "read",
  "GET /requests/:request_id/executions/:execution_id/events": "read",
  "GET /processors": "read",
  "GET /processors/:name": "read",
  "DELETE /processors/:name": "admin",
  "GET /dead-letters": "read",
  "GET /dead-letters/:dead_letter_id": "read",
  "POST /dead-letters/:dead_letter_id/replay": "admin",
  "POST /dead-letters/replay": "admin",
  "POST /webhooks": "admin",
  "GET /webhooks": "admin",
  "GET /webhooks/:webhook_id": "admin",
  "POST /webhooks/:webhook_id/pause": "admin",
  "POST /webhooks/:webhook_id/resume": "admin",
  "POST /webhooks/:webhook_id/rotate": "admin",
  "POST /webhooks/:webhook_id/test": "admin",
  "DELETE /webhooks/:webhook_id": "admin",
  "POST /schedules": "submit",
  "GET /schedules": "submit",
  "GET /schedules/:schedule_id": "submit",
  "POST /schedules/:schedule_id/pause": "submit",
  "POST /schedules/:schedule_id/resume": "submit",
  "DELETE /schedules/:schedule_id": "submit",
  "POST /workers": "work",
  "POST /workers/:worker_id/claims": "work",
  "POST /workers/:worker_id/heartbeat": "work",
  "POST /workers/:worker_id/finish": "work",
  "DELETE /workers/:worker_id": "work",
  "POST /requests": "submit",
  "POST /requests/batch": "submit",
  "POST /requests/:request_id/executions": "submit",
  "POST /requests/:request_id/executions/:execution_id/cancel": "submit",
  "DELETE /requests/:request_id": "admin",
};

const made = Object.fromEntries(scopes.map((scope) => [scope, newKey(`the-${scope}-key`, [scope])]));
const entries = Object.values(made).map(({ entry }) => entry);
const { keys } = readKeys(entries.join("\n"), "keys");
const keyWith = (scope: Scope) => made[scope]?.key as string;
const serviceToken = "0123456789abcdef";
const bearer = (key: string) => ({ authorization: `Bearer ${key}` });
const id = "01900000-0000-7000-8000-000000000000";

const withKeys = () => testGateway({ apiKeys: keys, serviceToken });
const routesOf = (gateway: TestGateway) => gateway.app.routes.map(({ method, path }) => `${method} ${path}`);
const ask = (gateway: TestGateway, route: string, headers: Record<string, string>) => {
  const [method = "", path = ""] = route.split(" ");
  return gateway.ask(method, path.replaceAll(/:\w+/g, id), undefined, headers);
};

test("every route states the scope of this test's table", () => {
  const stated = withKeys().app.routes.map(({ method, path, hooks }) => [
    `${method} ${path}`,
    (hooks.detail as { "x-required-scope"?: string } | undefined)?.["x-required-scope"],
  ]);
  expect(Object.fromEntries(stated)).toEqual(required);
});

describe.each(routesOf(withKeys()))("%s", (route) => {
  const scope = required[route];
  const isRefused = ({ status }: { status: number }) => status === 401 || status === 403;

  test("without a valid key is 401, unless it is public", async () => {
    const gateway = withKeys();
    const asked: string[] = [];
    gateway.requests.control.before = (name) => void asked.push(name);
    const key = keyWith("admin");
    const wrong: Record<string, string>[] = [
      {},
      { authorization: "" },
      { authorization: key },
      { authorization: "Bearer" },
      { authorization: `Basic ${btoa(`x:${key}`)}` },
      { authorization: `Bearer ${key}, Bearer ${key}` },
      bearer(`${key}x`),
      bearer(key.slice(0, -1)),
      bearer(made.admin?.entry.split(":")[2] as string),
      { "x-api-key": key },
      bearer(serviceToken),
    ];
    for (const headers of wrong) {
      const answer = await ask(gateway, route, headers);
      if (scope === "none") {
        expect(isRefused(answer)).toBe(false);
        continue;
      }
      expect([headers, ...named(answer)]).toEqual([headers, 401, "unauthorized"]);
      expect(answer.headers.get("www-authenticate")).toStartWith('Bearer realm="sate"');
      expect(answer.headers.get("x-request-id")).toMatch(/^[0-9a-f-]{36}$/);
      expect(answer.text).not.toContain(key);
    }
    expect(asked).toEqual([]);
  });

  test.each([...scopes])("with a key of scope %s is allowed, or 403 with the required scope", async (has) => {
    const gateway = withKeys();
    const answer = await ask(gateway, route, bearer(keyWith(has)));
    const mayPass = scope === "none" || has === "admin" || has === scope;
    expect(isRefused(answer)).toBe(!mayPass);
    if (mayPass) return;
    expect(named(answer)).toEqual([403, "forbidden"]);
    expect(answer.headers.get("www-authenticate")).toContain(`error="insufficient_scope", scope="${scope}"`);
  });

  test("is public if no keys are configured", async () => {
    expect(isRefused(await ask(testGateway(), route, {}))).toBe(false);
  });
});

test("unknown paths and methods are 401 without a key, and 404 and 405 with one", async () => {
  const gateway = withKeys();
  for (const [method, path, status] of [
    ["GET", "/nothing", 404],
    ["GET", "/live/", 404],
    ["GET", "//live", 404],
    ["GET", "/LIVE", 404],
    ["GET", "/live%2f", 404],
    ["PUT", "/requests", 405],
    ["OPTIONS", "/requests", 405],
    ["TRACE", "/metrics", 405],
  ] as const) {
    expect([path, (await gateway.ask(method, path)).status]).toEqual([path, 401]);
    const answer = await gateway.ask(method, path, undefined, bearer(keyWith("admin")));
    expect([path, answer.status]).toEqual([path, status]);
  }
});

test("a Host of any length does not lead around the access check", async () => {
  const gateway = withKeys();
  const ask = async (url: string, headers: Record<string, string> = {}) =>
    (await gateway.app.handle(new Request(url, { headers }))).status;
  for (const host of ["x", "xy", "xyz", "x:1", "api", "a-name-of-some-length.example"]) {
    const at = `http://${host}`;
    for (const path of ["/live?/metrics", "/live?/requests", "/live?x=/metrics"]) {
      expect([host, path, await ask(`${at}${path}`)]).toEqual([host, path, 200]);
    }
    for (const path of ["/metrics", "/metrics?/live", "/requests?/live", "/nowhere/live", "/requests/live"]) {
      expect([host, path, await ask(`${at}${path}`)]).toEqual([host, path, 401]);
    }
    expect(await ask(`${at}/metrics?/live`, bearer(keyWith("read")))).toBe(403);
    expect(await ask(`${at}/requests`, bearer(keyWith("read")))).toBe(200);
  }
});

test("HEAD requires what GET requires, and the Bearer scheme is case-insensitive", async () => {
  const gateway = withKeys();
  const head = async (path: string, headers = {}) =>
    (await gateway.ask("HEAD", path, undefined, headers)).status;
  expect(await head("/requests")).toBe(401);
  expect(await head("/requests", { authorization: `bearer  ${keyWith("read")}` })).toBe(200);
  expect(await head("/metrics", bearer(keyWith("read")))).toBe(403);
});

test("without the scope a body is not parsed", async () => {
  const gateway = withKeys();
  expect((await gateway.post("/requests", "{nope")).status).toBe(401);
  const reader = { ...bearer(keyWith("read")), "content-type": "text/plain" };
  expect((await gateway.post("/requests", "{nope", reader)).status).toBe(403);
});

test("the verdict of /ready is public; its reasons require a key or the service token", async () => {
  const gateway = withKeys();
  const ready = async (headers: Record<string, string>) => {
    const { status, json } = await gateway.get("/ready", headers);
    return [status, json as unknown];
  };
  const reasons = ["It is starting."];
  for (const headers of [{}, bearer("sate_unknown"), bearer(`${serviceToken}x`)]) {
    expect(await ready(headers)).toEqual([503, { ready: false }]);
  }
  for (const key of [keyWith("read"), keyWith("submit"), serviceToken]) {
    expect(await ready(bearer(key))).toEqual([503, { ready: false, reasons }]);
  }
  expect((await testGateway({ apiKeys: keys }).get("/ready", bearer("undefined"))).json).toEqual({
    ready: false,
  } as never);
  expect((await testGateway().get("/ready")).json).toEqual({ ready: false, reasons } as never);
});

test("the log names the key used and what was refused at every default level, and never contains a key", async () => {
  const gateway = withKeys();
  const headers = { ...bearer(keyWith("submit")), "content-type": "application/json" };
  const { id } = (await gateway.post("/requests", '{"payload":1}', headers)).json;
  const executions = `/requests/${id}/executions`;
  const execution = (await gateway.post(executions, undefined, headers)).json;
  await gateway.post(`${executions}/${execution.id}/cancel`, undefined, headers);
  await gateway.get("/requests", bearer(keyWith("submit")));
  await gateway.get("/requests", bearer("sate_unknown"));
  await gateway.get("/nothing");
  // The highest of the default levels is `warn`, of standalone.
  const lines = gateway.lines.map((line) => JSON.parse(line)).filter(({ level }) => level === "warn");
  const key = "the-submit-key";
  const used = { message: "api key used", key, method: "POST" };
  const noKey = { message: "request refused: no valid api key", method: "GET" };
  const noScope = "request refused: the api key does not have the required scope";
  expect(lines).toMatchObject([
    { ...used, path: "/requests" },
    { ...used, path: executions },
    { ...used, path: `${executions}/${execution.id}/cancel` },
    { message: noScope, key, method: "GET", path: "/requests" },
    { ...noKey, path: "/requests" },
    { ...noKey, path: "/nothing" },
  ]);
  for (const { key, entry } of Object.values(made)) {
    expect(gateway.lines.join()).not.toContain(key);
    expect(gateway.lines.join()).not.toContain(entry.split(":")[2] as string);
  }
  expect(gateway.lines.join()).not.toContain("sate_unknown");
  expect(gateway.counters.read()).toMatchObject({ refused_unauthorized: 2, refused_forbidden: 1 });
});

test("a flood of refused requests does not flood the log", async () => {
  const gateway = withKeys();
  for (let count = 0; count < 500; count++) await gateway.get("/requests");
  expect(gateway.lines.length).toBeLessThanOrEqual(10);
  expect(gateway.counters.read()).toMatchObject({ refused_unauthorized: 500 });
});
