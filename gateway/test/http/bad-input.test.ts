import { expect, test } from "bun:test";
import { limits } from "@sate/contracts";
import { json, named, testGateway } from "../support/gateway.ts";

/** Hostile and invalid bodies. Each is refused, and nothing is stored. */
type Case = [
  name: string,
  body: string | Uint8Array,
  headers: Record<string, string>,
  status: number,
  type: string,
  field?: string,
];

const bytes = (...parts: (string | number[])[]) =>
  Buffer.concat(parts.map((part) => (typeof part === "string" ? Buffer.from(part) : Buffer.from(part))));
const ofLength = (length: number) => `{"payload":"${"x".repeat(length - 14)}"}`;
const nested = (depth: number) => `{"payload":${"[".repeat(depth - 1)}${"]".repeat(depth - 1)}}`;

const cases: Case[] = [
  ["an object that does not end", '{"a":1', json, 400, "malformed-json"],
  ["NaN", '{"payload":NaN}', json, 400, "malformed-json"],
  ["single quotes", "{'payload':1}", json, 400, "malformed-json"],
  ["a comma too many", '{"payload":1,}', json, 400, "malformed-json"],
  ["two values", '{"payload":1}{}', json, 400, "malformed-json"],
  ["a raw control character", '{"payload":"\u0001"}', json, 400, "malformed-json"],
  ["an empty body", "", json, 400, "malformed-json"],
  ["only spaces", "  \n", json, 400, "malformed-json"],
  ["bytes that are not UTF-8", bytes('{"payload":"', [0xff], '"}'), json, 400, "malformed-encoding"],
  ["a surrogate in UTF-8", bytes('{"payload":"', [0xed, 0xa0, 0x80], '"}'), json, 400, "malformed-encoding"],
  ["a byte order mark", bytes([0xef, 0xbb, 0xbf], '{"payload":1}'), json, 400, "malformed-encoding"],
  ["UTF-16", bytes([0xff, 0xfe, 0x7b, 0]), json, 400, "malformed-encoding"],
  ["no content type", '{"payload":1}', { "content-type": "" }, 415, "unsupported-media-type"],
  [
    "another charset",
    '{"payload":1}',
    { "content-type": "application/json; charset=utf-16" },
    415,
    "unsupported-media-type",
  ],
  ["text", '{"payload":1}', { "content-type": "text/plain" }, 415, "unsupported-media-type"],
  ["XML", '{"payload":1}', { "content-type": "application/xml" }, 415, "unsupported-media-type"],
  [
    "multipart",
    '{"payload":1}',
    { "content-type": "multipart/form-data; boundary=x" },
    415,
    "unsupported-media-type",
  ],
  [
    "a form, as curl -d sends it",
    '{"payload":1}',
    { "content-type": "application/x-www-form-urlencoded" },
    415,
    "unsupported-media-type",
  ],
  ["a longer name", '{"payload":1}', { "content-type": "application/json5" }, 415, "unsupported-media-type"],
  [
    "two content types",
    '{"payload":1}',
    { "content-type": "application/json, text/plain" },
    415,
    "unsupported-media-type",
  ],
  ["gzip", '{"payload":1}', { ...json, "content-encoding": "gzip" }, 415, "unsupported-content-encoding"],
  ["null", "null", json, 422, "invalid-body", "payload"],
  ["a number", "123", json, 422, "invalid-body", "payload"],
  ["a string", '"s"', json, 422, "invalid-body", "payload"],
  ["an array", "[1]", json, 422, "invalid-body", "payload"],
  ["no payload", "{}", json, 422, "invalid-body", "payload"],
  ["an unknown field", '{"payload":1,"state":2}', json, 422, "invalid-body", "state"],
  ["an id", '{"id":"x","payload":1}', json, 422, "invalid-body", "id"],
  [
    "a field of our own objects",
    '{"payload":1,"__proto__":{"admin":true}}',
    json,
    422,
    "invalid-body",
    "__proto__",
  ],
  ["a method of our own objects", '{"payload":1,"toString":1}', json, 422, "invalid-body", "toString"],
  ["a name that belongs in no log", '{"payload":1,"a\\nb":2}', json, 422, "invalid-body"],
  ["a processor that is no string", '{"payload":1,"processor":5}', json, 422, "invalid-body", "processor"],
  ["a processor that is no name", '{"payload":1,"processor":"../x"}', json, 422, "invalid-body", "processor"],
  ["a field twice", '{"payload":1,"payload":2}', json, 400, "duplicate-key", "payload"],
  [
    "a field twice, written otherwise",
    '{"payload":1,"\\u0070ayload":2}',
    json,
    400,
    "duplicate-key",
    "payload",
  ],
  ["an unknown field twice", '{"x":1,"x":1,"payload":1}', json, 400, "duplicate-key", "x"],
  ["one level too deep", nested(limits.nestingMax + 1), json, 400, "nested-too-deep"],
  ["200,000 levels", `{"payload":${"[".repeat(200_000)}`, json, 400, "nested-too-deep"],
  ["one byte too large", ofLength(limits.bodyBytesDefault + 1), json, 413, "body-too-large"],
];

for (const [name, body, headers, status, type, field] of cases) {
  test(`refused, and nothing is stored: ${name}`, async () => {
    const gateway = testGateway();
    const answer = await gateway.ask("POST", "/requests", body as never, headers);
    expect(named(answer)).toEqual([status, type]);
    expect(answer.json.field).toBe(field);
    expect(answer.headers.get("content-type")).toBe("application/problem+json");
    expect(answer.json.message).toBe(answer.json.detail);
    expect(String(answer.json.detail).length).toBeGreaterThan(20);
    expect(gateway.requests.calls).toEqual({});
  });
}

test("the detail of a wrong content type names the header to send", async () => {
  const { json: problem } = await testGateway().ask("POST", "/requests", "{}", {
    "content-type": "text/plain",
  });
  expect(String(problem.detail)).toContain("Content-Type: application/json");
});

const accepted: [name: string, body: string, headers: Record<string, string>][] = [
  ["exactly the limit", ofLength(limits.bodyBytesDefault), json],
  ["exactly the depth", nested(limits.nestingMax), json],
  ["a charset in capitals", '{"payload":1}', { "content-type": "Application/JSON;Charset=UTF-8" }],
  ["a charset in quotes", '{"payload":1}', { "content-type": 'application/json; charset="utf-8"' }],
  ["a charset by its common name", '{"payload":1}', { "content-type": "application/json; charset=utf8" }],
  ["an encoding that is none", '{"payload":1}', { ...json, "content-encoding": "Identity" }],
  ["spaces around", ' \t\r\n{"payload":1} \n', json],
];
for (const [name, body, headers] of accepted) {
  test(`accepted: ${name}`, async () => {
    expect((await testGateway().ask("POST", "/requests", body, headers)).status).toBe(201);
  });
}

const executionBodies: [body: string, status: number, type: string, field?: string][] = [
  ['{"force_error":"yes"}', 422, "invalid-body", "force_error"],
  ['{"force_error":null}', 422, "invalid-body", "force_error"],
  ['{"force_error":1}', 422, "invalid-body", "force_error"],
  ['{"state":"x"}', 422, "invalid-body", "state"],
  ['{"force_error":true,"force_error":false}', 400, "duplicate-key", "force_error"],
  ["null", 422, "invalid-body"],
  ["[]", 422, "invalid-body"],
  ["{", 400, "malformed-json"],
];
for (const [body, status, type, field] of executionBodies) {
  test(`an execution is refused, and nothing is stored: ${body}`, async () => {
    const gateway = testGateway();
    const id = await gateway.stored();
    const answer = await gateway.post(`/requests/${id}/executions`, body);
    expect(named(answer)).toEqual([status, type]);
    expect(answer.json.field).toBe(field);
    expect(gateway.requests.countExecutions()).toBe(0);
  });
}

test("a route without a body accepts none or an empty object, and refuses others", async () => {
  const gateway = testGateway();
  const id = await gateway.stored();
  const path = `/requests/${id}/executions/${await gateway.started(id)}/cancel`;
  for (const body of ['{"why":1}', "null", "[]", "1"]) {
    expect(named(await gateway.post(path, body))).toEqual([422, "invalid-body"]);
  }
  for (const body of [undefined, "", "{}"]) expect((await gateway.post(path, body)).status).toBe(200);
});

test("no refusal echoes the input or pollutes prototypes", async () => {
  const gateway = testGateway();
  const secret = "s3cr3t-7f1e";
  for (const body of [
    `{"${secret} ":1}`,
    `{"payload":"${secret}`,
    `"${secret}"`,
    `{"processor":"${secret}!","payload":1}`,
  ]) {
    expect((await gateway.post("/requests", body)).text).not.toContain(secret);
  }
  expect((await gateway.get(`/${secret}`)).text).not.toContain(secret);
  expect((await gateway.get(`/requests?limit=${secret}`)).text).not.toContain(secret);
  expect(gateway.lines.join()).not.toContain(secret);
  expect(({} as Record<string, unknown>).admin).toBeUndefined();
});

test("refusing a hostile body costs about as much as accepting one of its size", async () => {
  const gateway = testGateway();
  const hostile = [
    `{"payload":"${"\\".repeat(400_000)}`,
    `{"payload":${'{"a":'.repeat(100_000)}`,
    `{"payload":1${`,"${"k".repeat(30)}":0`.repeat(12_000)}}`,
    `{${'"a":1,'.repeat(80_000)}"payload":1}`,
  ];
  /** The best of several, so that a pause of the machine does not count. */
  async function msOf(body: string, statuses: number[]): Promise<number> {
    let best = Number.POSITIVE_INFINITY;
    for (let round = 0; round < 5; round++) {
      const startedAt = performance.now();
      const { status } = await gateway.post("/requests", body);
      best = Math.min(best, performance.now() - startedAt);
      expect(statuses).toContain(status);
    }
    return best;
  }
  const good = await msOf(`{"payload":[${"12345678,".repeat(50_000)}0]}`, [201]);
  for (const body of hostile) expect(await msOf(body, [400, 422])).toBeLessThan(good * 20);
});
