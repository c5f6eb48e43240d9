import { expect, test } from "bun:test";
import { Unavailable } from "../src/ports.ts";
import { addressOf, prefersHtml } from "../src/welcome/routes.ts";
import { named, testGateway } from "./gateway.ts";

const unknownId = "01900000-0000-7000-8000-000000000000";

test("an unknown address is not found", async () => {
  const gateway = testGateway();
  for (const path of [
    "/nothing",
    "/requests/",
    "//requests",
    "/requests/a/b",
    `/requests/${unknownId}/executions/`,
  ]) {
    const answer = await gateway.get(path);
    expect(named(answer)).toEqual([404, "not-found"]);
    expect(answer.headers.get("allow")).toBeNull();
  }
});

const methods: [method: string, path: string, allow: string][] = [
  ["PUT", "/requests", "GET, HEAD, POST"],
  ["DELETE", `/requests/${unknownId}`, "GET, HEAD"],
  ["PATCH", `/requests/${unknownId}/executions`, "GET, HEAD, POST"],
  ["POST", `/requests/${unknownId}/results`, "GET, HEAD"],
  ["GET", `/requests/${unknownId}/executions/${unknownId}/cancel`, "POST"],
  ["HEAD", `/requests/${unknownId}/executions/${unknownId}/cancel`, "POST"],
  ["OPTIONS", "/requests", "GET, HEAD, POST"],
  ["TRACE", "/requests", "GET, HEAD, POST"],
  ["POST", "/", "GET, HEAD"],
  ["POST", "/swagger", "GET, HEAD"],
  ["DELETE", "/live", "GET, HEAD"],
];
for (const [method, path, allow] of methods) {
  test(`a method that an address does not know is refused: ${method} ${path}`, async () => {
    const answer = await testGateway().ask(method, path);
    expect(answer.status).toBe(405);
    expect(answer.headers.get("allow")).toBe(allow);
  });
}

test("a method is not overridden by a header", async () => {
  const gateway = testGateway();
  const answer = await gateway.ask("GET", "/requests", undefined, { "x-http-method-override": "DELETE" });
  expect(answer.status).toBe(200);
});

test("every answer has a request id of ours and the headers of safety", async () => {
  const gateway = testGateway();
  for (const [method, path] of [
    ["GET", "/"],
    ["GET", "/live"],
    ["GET", "/swagger"],
    ["GET", "/swagger/json"],
    ["GET", "/requests"],
    ["GET", "/requests?x=1"],
    ["GET", "/nothing"],
    ["PUT", "/requests"],
    ["POST", "/requests"],
    ["HEAD", "/requests"],
  ] as const) {
    const { headers } = await gateway.ask(method, path);
    expect(headers.get("x-request-id")).toMatch(/^[0-9a-f-]{36}$/);
    expect(headers.get("x-content-type-options")).toBe("nosniff");
    expect(headers.get("cache-control")).toBe("no-store");
    expect(headers.get("access-control-allow-origin")).toBeNull();
  }
});

test("a request id of the client is kept if it is short and plain, otherwise not told back", async () => {
  const gateway = testGateway();
  const idOf = async (sent: string) =>
    (await gateway.get("/live", { "x-request-id": sent })).headers.get("x-request-id");
  expect(await idOf("order-17_a.b")).toBe("order-17_a.b");
  expect(await idOf("x".repeat(128))).toBe("x".repeat(128));
  for (const sent of ["x".repeat(129), "x".repeat(10_000), "a b", 'a"b', "é", "<script>"]) {
    expect(await idOf(sent)).toMatch(/^[0-9a-f-]{36}$/);
  }
});

test("an unexpected error tells nothing but the request id", async () => {
  const gateway = testGateway();
  gateway.requests.control.before = () => {
    throw new TypeError("mongodb://user:password@host failed");
  };
  const answer = await gateway.get("/requests");
  expect(named(answer)).toEqual([500, "internal"]);
  expect(answer.json.request_id).toBe(answer.headers.get("x-request-id") as string);
  expect(answer.text + gateway.lines.join()).not.toContain("password");
  expect(gateway.lines.join()).toContain('"error":"TypeError"');
  expect(gateway.lines.join()).toContain(answer.json.request_id as string);
});

test("when a service does not answer, the client is told when to come back, and not which it was", async () => {
  const gateway = testGateway();
  const id = await gateway.stored();
  gateway.requests.control.before = () => {
    throw new Unavailable("requests-service did not answer, or not in time.");
  };
  gateway.results.control.before = gateway.requests.control.before as () => void;
  for (const [method, path] of [
    ["GET", "/requests"],
    ["GET", `/requests/${id}/results`],
    ["POST", `/requests/${id}/executions`],
  ] as const) {
    const answer = await gateway.ask(method, path);
    expect(named(answer)).toEqual([503, "unavailable"]);
    expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(0);
    expect(answer.text).not.toContain("requests-service");
  }
});

test("GET / says where to go: JSON for programs, a page for browsers", async () => {
  const gateway = testGateway();
  const { json, headers } = await gateway.get("/", { accept: "*/*" });
  expect([json.requests_uri, json.documentation_uri, headers.get("vary")]).toEqual([
    "/requests",
    "/swagger",
    "accept",
  ]);
  for (const path of [json.documentation_uri, json.openapi_uri, json.requests_uri] as string[]) {
    expect((await gateway.get(path)).status).toBe(200);
  }
  const page = await gateway.get("/", {
    accept: "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
  });
  expect(page.headers.get("content-type")).toStartWith("text/html");
  expect(page.text).not.toContain("<script");
  const links = [...page.text.matchAll(/href="([^"]+)"/g)].map(([, href]) => href as string);
  expect(links).toContain("swagger");
  for (const link of links) {
    // Relative, so that they hold behind a prefix.
    expect(link).toMatch(/^[a-z]/);
    expect((await gateway.get(`/${link}`)).status).not.toBe(404);
  }
});

test("the command that GET / shows reaches the server where it listens", () => {
  expect(addressOf("127.0.0.1", 5003)).toBe("http://127.0.0.1:5003");
  expect(addressOf("::1", 5004)).toBe("http://[::1]:5004");
  expect(addressOf("localhost", 5003)).toBe("http://localhost:5003");
  for (const any of ["0.0.0.0", "::"]) expect(addressOf(any, 5003)).toBe("http://127.0.0.1:5003");
});

test("whoever prefers HTML gets it", () => {
  const cases: [accept: string, isHtml: boolean][] = [
    ["", false],
    ["*/*", false],
    ["text/html", true],
    ["application/json", false],
    ["text/html;q=0.5, application/json", false],
    ["application/json;q=0.5, TEXT/HTML;q=0.9", true],
    ["text/html, */*", false],
    ["text/html;q=x", false],
  ];
  for (const [accept, isHtml] of cases) expect([accept, prefersHtml(accept)]).toEqual([accept, isHtml]);
});
