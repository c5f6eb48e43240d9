import { beforeEach, expect, test } from "bun:test";
import { jsonMembers, limits } from "@sate/contracts";
import {
  damaged,
  depthOf,
  jsonSpace,
  jsonValue,
  jsonValueOfDepth,
  spelled,
} from "@sate/contracts/test/any-json.ts";
import * as fc from "fast-check";
import { type Answer, json, type TestGateway, testGateway } from "../support/gateway.ts";

/**
 * What holds of whatever a client may send. A failure prints its seed and the smallest input that fails:
 * `{ ...runs, seed, path }` runs just that again.
 */
const runs = { numRuns: 400, interruptAfterTimeLimit: 10_000, markInterruptAsFailure: false };

let gateway: TestGateway;
beforeEach(() => {
  gateway = testGateway();
});

const post = (body: string | Uint8Array) => gateway.ask("POST", "/requests", Buffer.from(body), json);

/** What every refusal has in common. */
function expectRefused(answer: Answer): void {
  expect(answer.status).toBeGreaterThanOrEqual(400);
  expect(answer.status).toBeLessThan(500);
  expect(answer.headers.get("content-type")).toBe("application/problem+json");
  expect(answer.json.message).toBe(answer.json.detail);
}

test("any JSON within the limits is returned byte for byte by every route", async () => {
  // Its schema makes the gateway check payloads, but refuses none.
  const input_json = '{"properties":{"a":{},"__proto__":{}},"additionalProperties":{"items":{}}}';
  gateway.requests.processors.announce({
    name: "one.of-mine",
    kind: "module",
    timeout_seconds: 1,
    input_json,
  });
  const body = fc.record({
    payload: jsonValueOfDepth(limits.nestingMax - 1),
    key: spelled("payload"),
    spaces: fc.tuple(jsonSpace, jsonSpace, jsonSpace, jsonSpace, jsonSpace),
    processor: fc.option(spelled("processor"), { nil: undefined }),
    isFirst: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(body, async ({ payload, key, spaces: [a, b, c, d, e], processor, isFirst }) => {
      const member = `${b}${key}${c}:${d}${payload}${e}`;
      const other = processor === undefined ? [] : [`${processor}:"one.of-mine"`];
      const text = `${a}{${(isFirst ? [member, ...other] : [...other, member]).join(",")}}${a}`;
      const created = await post(text);
      expect(created.status).toBe(201);
      const { id } = created.json;
      const head = `{"id":"${id}","payload":${payload}`;
      expect(created.text).toBe(`${head}${processor === undefined ? "" : ',"processor":"one.of-mine"'}}`);
      expect(gateway.requests.requests.get(id)?.payload_json).toBe(payload);
      expect((await gateway.get(`/requests/${id}`)).text).toStartWith(`${head},`);
      expect((await gateway.get("/requests?limit=1")).text).toStartWith(`{"requests":[${head},`);
      const execution = await gateway.post(`/requests/${id}/executions`);
      expect(execution.text).toEndWith(`"processing_request":${head}}}`);
      const state = await gateway.get(`/requests/${id}/executions/${execution.json.id}`);
      expect(state.text).toContain(`"processing_request":${head}}`);
    }),
    runs,
  );
});

test("any text is accepted if it is a valid body and refused otherwise, never with a 5xx", async () => {
  const payload = fc.oneof(jsonValue, jsonValueOfDepth(limits.nestingMax + 2));
  const envelope = fc.oneof(
    payload.map((value) => `{"payload":${value}}`),
    fc.tuple(payload, payload).map(([one, other]) => `{"payload":${one},"payload":${other}}`),
    fc
      .tuple(payload, fc.oneof(jsonValue, fc.constantFrom('"simulate"', '"unknown"')))
      .map(([value, other]) => `{"payload":${value},"processor":${other}}`),
    fc.tuple(payload, jsonValue).map(([value, other]) => `{"payload":${value},"__proto__":${other}}`),
    payload,
  );
  await fc.assert(
    fc.asyncProperty(fc.oneof(envelope, damaged(envelope), fc.string()), async (text) => {
      const before = gateway.requests.requests.size;
      const answer = await post(text);
      if (isGoodRequest(text)) expect(answer.status).toBe(201);
      else expectRefused(answer);
      const stored = gateway.requests.requests.size - before;
      expect(stored).toBe(answer.status === 201 ? 1 : 0);
    }),
    { ...runs, numRuns: 2_000 },
  );
});

test("any bytes of any content type are accepted or refused, never with a 5xx", async () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 30 }),
    fc
      .uint8Array({ maxLength: 10 })
      .map((some) => Buffer.concat([Buffer.from('{"payload":"'), some, Buffer.from('"}')])),
  );
  const type = fc.oneof(
    fc.constant("application/json"),
    fc
      .string({ unit: fc.constantFrom(..."aj/;=,\"' -+*"), maxLength: 12 })
      .map((text) => `application/json${text}`),
    fc.string({ unit: "grapheme-ascii", maxLength: 20 }),
  );
  await fc.assert(
    fc.asyncProperty(bytes, type, async (body, contentType) => {
      const answer = await gateway.ask("POST", "/requests", Buffer.from(body), {
        "content-type": contentType,
      });
      if (answer.status !== 201) expectRefused(answer);
    }),
    runs,
  );
});

test("an execution's body is accepted or refused, never with a 5xx; a refusal stores nothing", async () => {
  const id = await gateway.stored();
  const field = fc.constantFrom("force_error", "timeout_seconds", "start_after", "expires_in_seconds");
  const value = fc.oneof(
    jsonValue,
    fc.constantFrom("1e400", "-0", "0.001", '"2030-02-30T00:00:00Z"', '"0000-00-00T00:00:00Z"'),
    fc.date().map((date) => JSON.stringify(date)),
  );
  const body = fc.oneof(
    jsonValue,
    fc.tuple(field, value).map(([name, one]) => `{"${name}":${one}}`),
    fc.tuple(jsonValue, jsonValue).map(([one, other]) => `{"force_error":${one},"state":${other}}`),
    damaged(fc.constantFrom('{"force_error":true}', "{}")),
  );
  await fc.assert(
    fc.asyncProperty(body, async (text) => {
      const before = gateway.requests.countExecutions();
      const answer = await gateway.ask("POST", `/requests/${id}/executions`, Buffer.from(text), json);
      if (answer.status === 201) gateway.requests.become(id, "cancelled");
      else expectRefused(answer);
      expect(gateway.requests.countExecutions()).toBe(before + (answer.status === 201 ? 1 : 0));
    }),
    runs,
  );
});

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Fails where a service is asked for something that cannot be: ids are ids, pages are pages. */
function watchCalls(): void {
  gateway.requests.control.before = (_name, body) => checkCall(body);
  gateway.results.control.before = (body) => checkCall(body);
}
function checkCall(body: Record<string, unknown>): void {
  for (const name of ["request_id", "execution_id", "before"]) {
    if (body[name] !== undefined) expect(body[name]).toMatch(uuid);
  }
  const { limit = 1, after_attempt = 0 } = body as Record<string, number>;
  expect(Number.isInteger(limit) && limit >= 1 && limit <= limits.pageMax).toBe(true);
  expect(Number.isInteger(after_attempt) && after_attempt >= 0 && after_attempt <= 9_999).toBe(true);
  for (const one of (body.executions ?? []) as Record<string, unknown>[]) checkCall(one);
}

const mostlyIds = fc.oneof(
  fc.uuid(),
  fc.uuid().map((id) => id.toUpperCase()),
  damaged(fc.uuid()),
  fc.string({ unit: "binary" }).map((text) => text.toWellFormed()),
  fc.string({ unit: fc.constantFrom(..."./\\%0:;?#@$ \t\u0000"), maxLength: 12 }),
);

test("any string as an id is unknown or passed on as it is, never a 5xx", async () => {
  watchCalls();
  const known = await gateway.stored();
  const segment = fc.oneof(mostlyIds.map(encodeURIComponent), mostlyIds, fc.constant(known));
  const form = fc.constantFrom(
    "/requests/:r",
    "/requests/:r/executions",
    "/requests/:r/results",
    "/requests/:r/executions/:e",
    "/requests/:r/executions/:e/results",
    "/requests/:r/executions/:e/cancel",
    "/requests/:r/executions/:e/log",
    "/processors/:r",
    "/:r/:e",
  );
  const path = fc
    .tuple(form, segment, segment)
    .map(([text, id, execution]) => text.replace(":r", () => id).replace(":e", () => execution));
  await fc.assert(
    fc.asyncProperty(path, fc.constantFrom("GET", "POST", "HEAD", "DELETE"), async (at, method) => {
      const answer = await gateway.ask(method, at, undefined, {});
      expect(answer.status).toBeLessThan(500);
      if (answer.status >= 400) expect(answer.headers.get("content-type")).toBe("application/problem+json");
    }),
    { ...runs, numRuns: 1_500 },
  );
});

test("any query and any cursor returns a page or a refusal, never a 5xx", async () => {
  watchCalls();
  const id = await gateway.stored();
  const cursor = fc.oneof(
    fc.string({ unit: "binary" }).map((text) => encodeURIComponent(text.toWellFormed())),
    mostlyIds.map(encodeURIComponent),
    fc.oneof(fc.integer(), fc.double(), fc.bigInt()).map(String),
    damaged(fc.uuid()).map(encodeURIComponent),
    fc.uuid().map((one) => `${one}=`),
  );
  const limit = fc.oneof(
    fc.integer().map(String),
    fc.integer({ min: -1, max: 102 }).map(String),
    fc.constantFrom("1e1", "0x10", "+5", "05", "5.0", "%2010", "\u0661", "Infinity", ""),
    fc.string().map(encodeURIComponent),
  );
  const parameter = fc.oneof(
    cursor.map((text) => `cursor=${text}`),
    limit.map((text) => `limit=${text}`),
    limit.map((text) => `epoch=${text}`),
    fc.tuple(limit, limit).map(([epoch, sequence]) => `cursor=${epoch}.${sequence}`),
    fc.constantFrom(..."status[$ne]=x status=$where __proto__=1 limit[]=1 limit = constructor=1".split(" ")),
    fc.string({ unit: "grapheme-ascii", maxLength: 12 }),
  );
  const query = fc.array(parameter, { minLength: 1, maxLength: 3 }).map((all) => all.join("&"));
  const path = fc.constantFrom(
    ...[
      "/requests",
      `/requests/${id}/executions`,
      `/requests/${id}/results`,
      `/requests/${id}`,
      "/nothing",
      "/processors",
    ],
  );
  await fc.assert(
    fc.asyncProperty(path, query, async (at, asked) => {
      const answer = await gateway.get(`${at}?${asked}`);
      if (answer.status !== 200) expectRefused(answer);
    }),
    { ...runs, numRuns: 1_500 },
  );
  expect(({} as Record<string, unknown>).admin).toBeUndefined();
});

test("no header changes the response or is repeated in it", async () => {
  const value = fc
    .string({ unit: "grapheme-ascii", minLength: 1, maxLength: 40 })
    .filter((text) => text.trim() === text);
  const names = [
    ...["x-request-id", "traceparent", "x-forwarded-for", "x-forwarded-host", "forwarded", "accept", "range"],
    ...["x-http-method-override", "accept-encoding", "if-match", "if-none-match", "cookie", "expect"],
  ];
  const id = await gateway.stored();
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...names), value, async (name, text) => {
      const answer = await gateway.get(`/requests/${id}`, { [name]: text });
      expect(answer.status).toBe(200);
      const given = answer.headers.get("x-request-id") ?? "";
      expect(given).toMatch(/^[A-Za-z0-9._-]{1,128}$/);
      if (!(name === "x-request-id" && given === text)) expect(given).toMatch(uuid);
    }),
    runs,
  );
});

/** Whether a text is what POST /requests asks for. The tests of contracts prove `jsonMembers` by another parser. */
function isGoodRequest(text: string): boolean {
  let parsed: { processor?: unknown };
  try {
    parsed = JSON.parse(text);
  } catch {
    return false;
  }
  const members = jsonMembers(text);
  if (members === null || depthOf(text) > limits.nestingMax) return false;
  const keys = members.map(({ key }) => key).sort();
  const { processor = "simulate" } = parsed;
  return ["payload", "payload,processor"].includes(keys.join()) && processor === "simulate";
}
