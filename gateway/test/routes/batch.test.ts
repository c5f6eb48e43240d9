import { describe, expect, test } from "bun:test";
import { limits } from "@sate/contracts";
import { json, named, testGateway } from "../support/gateway.ts";

type Results = { id?: string; execution_id?: string; problem?: { type: string; status: number } }[];

/** A gateway, and how it takes a batch of these bodies, which are JSON text. */
function batches(config: Parameters<typeof testGateway>[0] = {}) {
  const gateway = testGateway(config);
  const post = async (bodies: string[], headers: Record<string, string> = {}) => {
    const sent = `{"requests": [${bodies.join(" , ")}]}`;
    const answer = await gateway.post("/requests/batch", sent, { ...json, ...headers });
    return { ...answer, results: (answer.json.results ?? []) as Results };
  };
  return { gateway, post };
}
const nested = (depth: number) => `{"payload":${"[".repeat(depth - 1)}${"]".repeat(depth - 1)}}`;

test("each request is created on its own, in order, and one that is refused does not affect the others", async () => {
  const { gateway, post } = batches();
  const { status, results } = await post([
    '{"payload":1}',
    '{"payload":2,"processor":"unknown"}',
    '{"payload":3,"execute":true}',
  ]);
  const [a, b, c] = results;
  expect(status).toBe(200);
  expect(results).toEqual([
    { id: expect.any(String) },
    { problem: expect.objectContaining({ type: "urn:sate:problem:unknown-processor", status: 422 }) },
    { id: expect.any(String), execution_id: expect.any(String) },
  ]);
  expect((await gateway.get(`/requests/${a?.id}`)).json.payload).toBe(1);
  expect((await gateway.get(`/requests/${c?.id}/executions/${c?.execution_id}`)).status).toBe(200);
  expect(b?.id).toBeUndefined();
  expect([gateway.requests.requests.size, gateway.requests.countExecutions()]).toEqual([2, 1]);
});

test("each payload is kept byte for byte", async () => {
  const { gateway, post } = batches();
  const payloads = [
    '{"n":1e400 , "big":9007199254740993,"zero":-0}',
    '"\\ud800 ],[ \\" }"',
    '{"2":1,"1":2,"1":3,"__proto__":{"payload":1}}',
    "[ [ ] , {} ]",
    "null",
  ];
  const { results } = await post(payloads.map((payload) => `{ "p\\u0061yload" :${payload} }`));
  expect(results.map(({ id = "" }) => gateway.requests.requests.get(id)?.payload_json)).toEqual(payloads);
  expect(({} as Record<string, unknown>).payload).toBeUndefined();
});

test("1 to 100 requests are accepted, and no other number", async () => {
  const { gateway, post } = batches();
  const bodies = Array.from({ length: limits.batchRequestsMax }, (_, index) => `{"payload":${index}}`);
  const { results } = await post(bodies);
  expect(results.map(({ id = "" }) => gateway.requests.requests.get(id)?.payload_json)).toEqual(
    bodies.map((_, index) => String(index)),
  );
  for (const wrong of [[], [...bodies, '{"payload":1}']]) {
    const answer = await post(wrong);
    expect([...named(answer), answer.json.field]).toEqual([422, "invalid-body", "requests"]);
  }
  expect(gateway.requests.requests.size).toBe(limits.batchRequestsMax);
});

describe("a body that does not match creates nothing and names the field", () => {
  const one = '{"payload":1}';
  const wrong: [name: string, bodies: string[], status: number, problem: string, field: string | null][] = [
    ["no payload", [one, "{}"], 422, "invalid-body", "requests[1].payload"],
    ["no object", [one, "1"], 422, "invalid-body", "requests[1]"],
    ["an array", ["[]"], 422, "invalid-body", "requests[0]"],
    ["an unknown field", ['{"payload":1,"id":"x"}'], 422, "invalid-body", "requests[0].id"],
    ["another type", ['{"payload":1,"execute":"yes"}'], 422, "invalid-body", "requests[0].execute"],
    ["a field twice", [one, '{"payload":1,"payload":2}'], 400, "duplicate-key", "requests[1].payload"],
    ["too deep", [one, nested(limits.nestingMax + 1)], 400, "nested-too-deep", null],
    ["not JSON", [one, "{"], 400, "malformed-json", null],
  ];
  test.each(wrong)("%s", async (_, bodies, status, problem, field) => {
    const { gateway, post } = batches();
    const answer = await post(bodies);
    expect([...named(answer), answer.json.field ?? null]).toEqual([status, problem, field]);
    expect(gateway.requests.calls).toEqual({});
  });

  test.each(["null", "[]", "1", '{"requests":{}}', '{"requests":null}', '{"requests":[],"requests":[]}'])(
    "%s",
    async (body) => {
      const { gateway } = batches();
      expect((await gateway.post("/requests/batch", body)).status).toBeOneOf([400, 422]);
      expect(gateway.requests.calls).toEqual({});
    },
  );
});

test("a request may be nested as deeply as a single one, and the whole body must be within the limit", async () => {
  const { post } = batches({ bodyBytesMax: 2_000 });
  expect((await post([nested(limits.nestingMax)])).results).toEqual([{ id: expect.any(String) }]);
  expect(named(await post(Array(2).fill(`{"payload":"${"x".repeat(1_000)}"}`)))).toEqual([
    413,
    "body-too-large",
  ]);
});

describe("an Idempotency-Key", () => {
  const key = { "idempotency-key": "k" };
  const bodies = ['{"payload":1,"execute":true}', '{"payload":1,"execute":true}', '{"payload":2}'];

  test("covers each request under its place: a repeated batch gets the same ids, and creates nothing", async () => {
    const { gateway, post } = batches();
    const first = await post(bodies, key);
    expect(first.headers.has("idempotency-replayed")).toBe(false);
    expect(new Set(first.results.map(({ id }) => id)).size).toBe(3);
    const again = await post(bodies, key);
    expect([again.text, again.headers.get("idempotency-replayed")]).toEqual([first.text, "true"]);
    expect([gateway.requests.requests.size, gateway.requests.countExecutions()]).toEqual([3, 2]);
  });

  test("refuses only the requests that differ, and creates what was not created before", async () => {
    const { gateway, post } = batches();
    const first = await post(bodies, key);
    const again = await post([bodies[0] ?? "", '{"payload":3}', bodies[2] ?? "", '{"payload":4}'], key);
    expect(again.results).toEqual([
      first.results[0] as object,
      { problem: expect.objectContaining({ type: "urn:sate:problem:idempotency-key-reused" }) },
      first.results[2] as object,
      { id: expect.any(String) },
    ]);
    expect(again.headers.has("idempotency-replayed")).toBe(false);
    expect(gateway.requests.requests.size).toBe(4);
  });
});
