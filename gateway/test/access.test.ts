import { describe, expect, test } from "bun:test";
import { newKey, readKeys, type Scope, scopes } from "../src/api-keys.ts";
import { named, type TestGateway, testGateway } from "./gateway.ts";

/** Every route of the gateway, and what it asks of a key. A route that is not here fails the first test. */
const wanted: Record<string, Scope | "any" | "none"> = {
  "GET /live": "none",
  "GET /ready": "any",
  "GET /metrics": "admin",
  "GET /": "read",
  "GET /swagger": "read",
  "GET /swagger/json": "read",
  "GET /requests": "read",
  "GET /requests/:request_id": "read",
  "GET /requests/:request_id/executions": "read",
  "GET /requests/:request_id/executions/:execution_id": "read",
  "GET /requests/:request_id/results": "read",
  "GET /requests/:request_id/executions/:execution_id/results": "read",
  "POST /requests": "submit",
  "POST /requests/:request_id/executions": "submit",
  "POST /requests/:request_id/executions/:execution_id/cancel": "submit",
};

const made = Object.fromEntries(scopes.map((scope) => [scope, newKey(`the-${scope}-key`, [scope])]));
const { keys } = readKeys(
  Object.values(made)
    .map(({ entry }) => entry)
    .join("\n"),
  "keys",
);
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

test("every route is in the table of this test", () => {
  expect(routesOf(withKeys()).sort()).toEqual(Object.keys(wanted).sort());
});

describe.each(routesOf(withKeys()))("%s", (route) => {
  const scope = wanted[route];
  const isRefused = ({ status }: { status: number }) => status === 401 || status === 403;

  test("without a key, or with one that is wrong, is 401 unless it is open", async () => {
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
    ];
    if (scope !== "any") wrong.push(bearer(serviceToken));
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

  test.each([...scopes])(
    "with a key of scope %s is let in, or 403 with the scope that it wants",
    async (has) => {
      const gateway = withKeys();
      const answer = await ask(gateway, route, bearer(keyWith(has)));
      const mayPass = scope === "none" || scope === "any" || has === "admin" || has === scope;
      expect(isRefused(answer)).toBe(!mayPass);
      if (mayPass) return;
      expect(named(answer)).toEqual([403, "forbidden"]);
      expect(answer.headers.get("www-authenticate")).toContain(
        `error="insufficient_scope", scope="${scope}"`,
      );
    },
  );

  test("is open where there are no keys", async () => {
    expect(isRefused(await ask(testGateway(), route, {}))).toBe(false);
  });
});

test("what there is not is 401 as well, so that nobody can look around; with a key 404 and 405", async () => {
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

test("a Host that leads the router astray opens nothing: neither what is open, nor what a key may do", async () => {
  const gateway = withKeys();
  const ask = async (url: string, headers: Record<string, string> = {}) =>
    (await gateway.app.handle(new Request(url, { headers }))).status;
  for (const host of ["x", "xy", "xyz", "x:1"]) {
    for (const path of [
      "/live?/metrics",
      "/live?/requests",
      "/live?x=/metrics",
      "/ready?/metrics",
      "/live#/metrics",
    ]) {
      // Such a Host is refused before anybody asks for a key, and with every key.
      for (const headers of [{}, bearer(keyWith("read")), bearer(keyWith("admin"))]) {
        const status = await ask(`http://${host}${path}`, headers);
        expect([host, path, status]).toEqual([host, path, 400]);
      }
    }
  }
  expect(await ask("http://xyzw/live?/metrics")).toBe(200);
  expect(await ask("http://xyzw/metrics?/live")).toBe(401);
});

test("HEAD wants what GET wants", async () => {
  const gateway = withKeys();
  expect((await gateway.ask("HEAD", "/requests")).status).toBe(401);
  expect((await gateway.ask("HEAD", "/requests", undefined, bearer(keyWith("read")))).status).toBe(200);
  expect((await gateway.ask("HEAD", "/metrics", undefined, bearer(keyWith("read")))).status).toBe(403);
});

test("a body is not read for whoever may not send it, however it arrives", async () => {
  const gateway = withKeys();
  let pulls = 0;
  const body = new ReadableStream({ pull: () => void pulls++ }, { highWaterMark: 0 });
  const answer = await gateway.ask("POST", "/requests", body, { "content-type": "application/json" });
  expect([answer.status, pulls]).toEqual([401, 0]);
});

test("the scheme may be written in any case, as RFC 9110 says", async () => {
  const gateway = withKeys();
  const authorization = `bearer  ${keyWith("read")}`;
  expect((await gateway.get("/requests", { authorization })).status).toBe(200);
});

test("the services' token opens /ready, and nothing where there is none", async () => {
  expect((await withKeys().get("/ready", bearer(serviceToken))).status).toBe(503);
  expect((await testGateway({ apiKeys: keys }).get("/ready", bearer("undefined"))).status).toBe(401);
});

test("the log says whose key acted, never which key", async () => {
  const gateway = withKeys();
  const headers = { ...bearer(keyWith("submit")), "content-type": "application/json" };
  expect((await gateway.post("/requests", '{"payload":1}', headers)).status).toBe(201);
  await gateway.get("/requests", bearer(keyWith("submit")));
  await gateway.get("/requests", bearer("sate_unknown"));
  const entries = gateway.lines.map((line) => JSON.parse(line));
  expect(entries.filter(({ key }) => key === "the-submit-key")).toMatchObject([
    { level: "info", message: "a key acted", method: "POST", path: "/requests" },
    { level: "warn", message: "a key was refused: it has not the scope", method: "GET" },
  ]);
  for (const { key, entry } of Object.values(made)) {
    expect(gateway.lines.join()).not.toContain(key);
    expect(gateway.lines.join()).not.toContain(entry.split(":")[2] as string);
  }
  expect(gateway.lines.join()).not.toContain("sate_unknown");
  expect(gateway.counters.read()).toMatchObject({ refused_unauthorized: 1, refused_forbidden: 1 });
});
