import { expect, test } from "bun:test";
import { addressOf, prefersHtml } from "../../src/routes/welcome.ts";
import { testGateway } from "../support/gateway.ts";

test("GET / is JSON for programs and a page for browsers", async () => {
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

test("the command that GET / shows has the address on which the server listens", () => {
  expect(addressOf("127.0.0.1", 5003)).toBe("http://127.0.0.1:5003");
  expect(addressOf("::1", 5004)).toBe("http://[::1]:5004");
  expect(addressOf("localhost", 5003)).toBe("http://localhost:5003");
  for (const any of ["0.0.0.0", "::"]) expect(addressOf(any, 5003)).toBe("http://127.0.0.1:5003");
});

test("HTML is sent only if it is preferred over JSON", () => {
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
