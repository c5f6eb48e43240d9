import { beforeAll, expect, test } from "bun:test";
import { type Client, createClient } from "../src/client.ts";
import { sharedSystem } from "../src/shared-system.ts";

let client: Client;
let known: string;
beforeAll(async () => {
  client = createClient((await sharedSystem()).url);
  known = await client.createRequest({ known: true });
}, 200_000);

const json = { "content-type": "application/json" };
const unknownId = "01900000-0000-7000-8000-000000000000";

type Case = [
  name: string,
  method: string,
  path: string,
  body: string | undefined,
  headers: Record<string, string>,
  status: number,
  type: string,
];
const cases: Case[] = [
  ["not JSON", "POST", "/requests", '{"a":1', json, 400, "malformed-json"],
  ["NaN", "POST", "/requests", '{"payload":NaN}', json, 400, "malformed-json"],
  ["an empty body", "POST", "/requests", "", json, 400, "malformed-json"],
  ["a byte order mark", "POST", "/requests", '\ufeff{"payload":1}', json, 400, "malformed-encoding"],
  ["no payload", "POST", "/requests", "{}", json, 422, "invalid-body"],
  ["null", "POST", "/requests", "null", json, 422, "invalid-body"],
  ["a number", "POST", "/requests", "123", json, 422, "invalid-body"],
  ["an unknown field", "POST", "/requests", '{"payload":1,"id":"x"}', json, 422, "invalid-body"],
  ["a field twice", "POST", "/requests", '{"payload":1,"payload":2}', json, 400, "duplicate-key"],
  [
    "65 levels",
    "POST",
    "/requests",
    `{"payload":${"[".repeat(64)}${"]".repeat(64)}}`,
    json,
    400,
    "nested-too-deep",
  ],
  ["200,000 levels", "POST", "/requests", `{"payload":${"[".repeat(200_000)}`, json, 400, "nested-too-deep"],
  ["too large", "POST", "/requests", `{"payload":"${"x".repeat(512 * 1024)}"}`, json, 413, "body-too-large"],
  [
    "text",
    "POST",
    "/requests",
    '{"payload":1}',
    { "content-type": "text/plain" },
    415,
    "unsupported-media-type",
  ],
  [
    "a form, as curl -d sends it",
    "POST",
    "/requests",
    '{"payload":1}',
    { "content-type": "application/x-www-form-urlencoded" },
    415,
    "unsupported-media-type",
  ],
  [
    "another charset",
    "POST",
    "/requests",
    '{"payload":1}',
    { "content-type": "application/json; charset=utf-16" },
    415,
    "unsupported-media-type",
  ],
  [
    "gzip",
    "POST",
    "/requests",
    '{"payload":1}',
    { ...json, "content-encoding": "gzip" },
    415,
    "unsupported-content-encoding",
  ],
  [
    "force_error that is no boolean",
    "POST",
    "/requests/:known/executions",
    '{"force_error":"yes"}',
    json,
    422,
    "invalid-body",
  ],
  [
    "an unknown field of an execution",
    "POST",
    "/requests/:known/executions",
    '{"state":1}',
    json,
    422,
    "invalid-body",
  ],
  [
    "an unknown request",
    "POST",
    `/requests/${unknownId}/executions`,
    undefined,
    {},
    404,
    "request-not-found",
  ],
  [
    "results of an unknown request",
    "GET",
    `/requests/${unknownId}/results`,
    undefined,
    {},
    404,
    "request-not-found",
  ],
  [
    "an unknown execution",
    "GET",
    `/requests/:known/executions/${unknownId}`,
    undefined,
    {},
    404,
    "execution-not-found",
  ],
  ["an id that is none", "GET", "/requests/..%2f..%2fetc%2fpasswd", undefined, {}, 404, "request-not-found"],
  ["an unknown path", "GET", "/nothing", undefined, {}, 404, "not-found"],
  ["an unknown method", "PUT", "/requests", "{}", json, 405, "method-not-allowed"],
  ["a limit that is none", "GET", "/requests?limit=abc", undefined, {}, 400, "invalid-parameter"],
  ["a limit below one", "GET", "/requests?limit=-1", undefined, {}, 400, "invalid-parameter"],
  ["a limit beyond the page", "GET", "/requests?limit=1e9", undefined, {}, 400, "invalid-parameter"],
  ["a forged cursor", "GET", "/requests?cursor=forged", undefined, {}, 400, "invalid-parameter"],
  ["an operator in a filter", "GET", "/requests?status[$ne]=x", undefined, {}, 400, "invalid-parameter"],
];

for (const [name, method, path, body, headers, status, type] of cases) {
  test(`refused with a clear problem: ${name}`, async () => {
    const answer = await client.ask(method, path.replace(":known", known), body, {
      "content-type": "",
      ...headers,
    });
    expect([answer.status, answer.json?.type]).toEqual([status, `urn:sate:problem:${type}`]);
    expect(answer.headers.get("content-type")).toContain("application/problem+json");
    expect(answer.json.detail.length).toBeGreaterThan(10);
    expect(answer.json.message).toBe(answer.json.detail);
    expect(answer.text).not.toContain("node_modules");
    expect((await client.get(`/requests/${known}/executions`)).json.executions).toEqual([]);
  });
}
