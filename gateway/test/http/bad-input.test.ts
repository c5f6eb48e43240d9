import { describe, expect, test } from "bun:test";
import { limits } from "@sate/contracts";
import { json, named, testGateway } from "../support/gateway.ts";

/** Hostile and invalid bodies: each is refused, and nothing is stored. e2e/test/bad-input.test.ts sends more, as bytes. */
type Refused = [body: string | Uint8Array, field?: string];

const bytes = (...parts: (string | number[])[]) =>
  Buffer.concat(parts.map((part) => Buffer.from(part as string)));
const ofLength = (length: number) => `{"payload":"${"x".repeat(length - 14)}"}`;
const nested = (depth: number) => `{"payload":${"[".repeat(depth - 1)}${"]".repeat(depth - 1)}}`;

const bodies: Record<string, Refused[]> = {
  "400 malformed-json": [
    ['{"a":1'],
    ['{"payload":NaN}'],
    ["{'payload':1}"],
    ['{"payload":1,}'],
    ['{"payload":1}{}'],
    ['{"payload":"\u0001"}'],
    [""],
    ["  \n"],
  ],
  "400 malformed-encoding": [
    [bytes('{"payload":"', [0xff], '"}')],
    [bytes('{"payload":"', [0xed, 0xa0, 0x80], '"}')],
    [bytes([0xef, 0xbb, 0xbf], '{"payload":1}')],
    [bytes([0xff, 0xfe, 0x7b, 0])],
  ],
  "422 invalid-body": [
    ...["null", "123", '"s"', "[1]", "{}"].map((body): Refused => [body, "payload"]),
    ['{"payload":1,"state":2}', "state"],
    ['{"id":"x","payload":1}', "id"],
    ['{"payload":1,"__proto__":{"admin":true}}', "__proto__"],
    ['{"payload":1,"toString":1}', "toString"],
    ['{"payload":1,"a\\nb":2}'],
    ['{"payload":1,"processor":5}', "processor"],
    ['{"payload":1,"processor":"../x"}', "processor"],
    ['{"payload":1,"processor":[{"toString":1}]}', "processor"],
  ],
  "400 duplicate-key": [
    ['{"payload":1,"payload":2}', "payload"],
    ['{"payload":1,"\\u0070ayload":2}', "payload"],
    ['{"x":1,"x":1,"payload":1}', "x"],
  ],
  "400 nested-too-deep": [[nested(limits.nestingMax + 1)], [`{"payload":${"[".repeat(200_000)}`]],
  "413 body-too-large": [[ofLength(limits.bodyBytesDefault + 1)]],
};

describe.each(Object.entries(bodies))("%s", (refusal, refused) => {
  test.each(
    refused.map(([body, field]) => [JSON.stringify(String(body).slice(0, 50)), body, field] as const),
  )("and nothing is stored: %s", async (_, body, field) => {
    const gateway = testGateway();
    const answer = await gateway.ask("POST", "/requests", body as never, json);
    expect(named(answer).join(" ")).toBe(refusal);
    expect(answer.json.field).toBe(field);
    expect(answer.headers.get("content-type")).toBe("application/problem+json");
    expect(answer.json.message).toBe(answer.json.detail);
    expect(String(answer.json.detail).length).toBeGreaterThan(20);
    expect(gateway.requests.calls).toEqual({});
  });
});

test.each([
  "",
  "application/json; charset=utf-16",
  "application/json; charset",
  "text/plain",
  "application/xml",
  "multipart/form-data; boundary=x",
  "application/x-www-form-urlencoded",
  "application/json5",
  "application/json, text/plain",
])("415, with the header to send, and nothing is stored: content type %p", async (type) => {
  const gateway = testGateway();
  const answer = await gateway.post("/requests", '{"payload":1}', { "content-type": type });
  expect(named(answer)).toEqual([415, "unsupported-media-type"]);
  expect(answer.json.detail).toContain("Content-Type: application/json");
  expect(gateway.requests.calls).toEqual({});
});

test("415 for an encoded body", async () => {
  const gateway = testGateway();
  const answer = await gateway.post("/requests", "{}", { ...json, "content-encoding": "gzip" });
  expect(named(answer)).toEqual([415, "unsupported-content-encoding"]);
});

const good = '{"payload":1}';
const accepted: [name: string, body: string, headers: Record<string, string>][] = [
  ["exactly the limit", ofLength(limits.bodyBytesDefault), json],
  ["exactly the depth", nested(limits.nestingMax), json],
  ["a charset in capitals", good, { "content-type": "Application/JSON;Charset=UTF-8" }],
  ["a charset in quotes", good, { "content-type": 'application/json; charset="utf-8"' }],
  ["a charset by its common name", good, { "content-type": "application/json; charset=utf8" }],
  ["an encoding that is none", good, { ...json, "content-encoding": "Identity" }],
  ["spaces around", ` \t\r\n${good} \n`, json],
];
test.each(accepted)("accepted: %s", async (_, body, headers) => {
  expect((await testGateway().post("/requests", body, headers)).status).toBe(201);
});

test.each([
  ['{"force_error":"yes"}', 422, "invalid-body", "force_error"],
  ['{"force_error":null}', 422, "invalid-body", "force_error"],
  ['{"force_error":1}', 422, "invalid-body", "force_error"],
  ['{"state":"x"}', 422, "invalid-body", "state"],
  ['{"force_error":true,"force_error":false}', 400, "duplicate-key", "force_error"],
  ["null", 422, "invalid-body", undefined],
  ["[]", 422, "invalid-body", undefined],
  ["{", 400, "malformed-json", undefined],
] as const)("an execution is refused, and nothing is stored: %s", async (body, status, type, field) => {
  const gateway = testGateway();
  const id = await gateway.stored();
  const answer = await gateway.post(`/requests/${id}/executions`, body);
  expect([...named(answer), answer.json.field]).toEqual([status, type, field]);
  expect(gateway.requests.countExecutions()).toBe(0);
});

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
  for (const path of [`/${secret}`, `/requests?limit=${secret}`]) {
    expect((await gateway.get(path)).text).not.toContain(secret);
  }
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
  const acceptedMs = await msOf(`{"payload":[${"12345678,".repeat(50_000)}0]}`, [201]);
  for (const body of hostile) expect(await msOf(body, [400, 422])).toBeLessThan(acceptedMs * 20);
});
