import { expect, test } from "bun:test";
import { newKey, readKeys } from "../src/access/api-keys.ts";
import { named, testGateway } from "./support/gateway.ts";

const unknownId = "01900000-0000-7000-8000-000000000000";

test("an unknown path is 404", async () => {
  const gateway = testGateway();
  for (const path of ["/nothing", "/requests/", "//requests", "/requests/a/b", "/requests/a/executions/"]) {
    const answer = await gateway.get(path);
    expect(named(answer)).toEqual([404, "not-found"]);
    expect(answer.headers.get("allow")).toBeNull();
  }
});

const methods: [method: string, path: string, allow: string][] = [
  ["PUT", "/requests", "GET, HEAD, POST"],
  ["PUT", `/requests/${unknownId}`, "DELETE, GET, HEAD"],
  ["PATCH", `/requests/${unknownId}/executions`, "GET, HEAD, POST"],
  ["POST", `/requests/${unknownId}/results`, "GET, HEAD"],
  ["GET", `/requests/${unknownId}/executions/${unknownId}/cancel`, "POST"],
  ["HEAD", `/requests/${unknownId}/executions/${unknownId}/cancel`, "POST"],
  ["OPTIONS", "/requests", "GET, HEAD, POST"],
  ["TRACE", "/requests", "GET, HEAD, POST"],
  ["POST", "/", "GET, HEAD"],
  ["POST", "/swagger", "GET, HEAD"],
  ["DELETE", "/live", "GET, HEAD"],
  // Not the request, or the dead letter, with such an id.
  ["GET", "/requests/batch", "POST"],
  ["DELETE", "/requests/batch", "POST"],
  ["GET", "/dead-letters/replay", "POST"],
];
test.each(methods)("an unsupported method is 405 with Allow: %s %s", async (method, path, allow) => {
  const answer = await testGateway().ask(method, path);
  expect([answer.status, answer.headers.get("allow")]).toEqual([405, allow]);
});

test("if API keys are configured, a client without one can discover the methods of public paths only", async () => {
  const { keys: apiKeys } = readKeys(newKey("a", ["read"]).entry, "keys");
  const gateway = testGateway({ apiKeys });
  expect(named(await gateway.ask("PUT", "/live"))).toEqual([405, "method-not-allowed"]);
  for (const path of ["/requests", "/requests/batch", `/requests/${unknownId}`, "/nothing"])
    expect(named(await gateway.ask("PUT", path))).toEqual([401, "unauthorized"]);
});

/** Elysia would read a body that a route does not state, and its refusal could not discard the rest. */
test("every route that may be sent a body states it", () => {
  const stated = testGateway().app.routes.filter(({ method }) => method !== "GET");
  expect(stated.length).toBeGreaterThan(20);
  for (const { method, path, hooks } of stated)
    expect([method, path, (hooks as { body?: object }).body]).toEqual([method, path, expect.anything()]);
});

test("every response has a request id and the security headers", async () => {
  const gateway = testGateway();
  const read = ["/", "/live", "/swagger", "/swagger/", "/swagger/json", "/requests?x=1", "/nothing"];
  const asked = [
    ...read.map((path) => `GET ${path}`),
    ..."GET PUT POST HEAD".split(" ").map((m) => `${m} /requests`),
  ];
  for (const [method = "", path = ""] of asked.map((each) => each.split(" "))) {
    const { headers } = await gateway.ask(method, path);
    expect(headers.get("x-request-id")).toMatch(/^[0-9a-f-]{36}$/);
    expect(headers.get("x-content-type-options")).toBe("nosniff");
    expect(headers.get("cache-control")).toBe("no-store");
    expect(headers.get("access-control-allow-origin")).toBeNull();
  }
});

test("a client's request id is kept if it is short and plain, and replaced otherwise", async () => {
  const gateway = testGateway();
  const idOf = async (sent: string) =>
    (await gateway.get("/live", { "x-request-id": sent })).headers.get("x-request-id");
  expect(await idOf("order-17_a.b")).toBe("order-17_a.b");
  expect(await idOf("x".repeat(128))).toBe("x".repeat(128));
  for (const sent of ["x".repeat(129), "x".repeat(10_000), "a b", 'a"b', "é", "<script>"]) {
    expect(await idOf(sent)).toMatch(/^[0-9a-f-]{36}$/);
  }
});
