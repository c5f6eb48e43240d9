import { describe, expect, test } from "bun:test";
import { limits, Unavailable } from "@sate/contracts";
import { json, named, testGateway } from "../support/gateway.ts";

const unknownId = "01900000-0000-7000-8000-000000000000";

test("creating an execution returns exactly the original's fields and its Location", async () => {
  const gateway = testGateway();
  const id = await gateway.stored('{"a":1e400}');
  const answer = await gateway.post(`/requests/${id}/executions`, '{"force_error": true}');
  expect(answer.status).toBe(201);
  expect(Object.keys(answer.json)).toEqual(["id", "force_error", "creation_date", "processing_request"]);
  expect(answer.json.force_error).toBe(true);
  expect(answer.text).toContain(`"processing_request":{"id":"${id}","payload":{"a":1e400}}`);
  expect(answer.headers.get("location")).toBe(`/requests/${id}/executions/${answer.json.id}`);
});

const form = { "content-type": "application/x-www-form-urlencoded" };
test.each([
  ["no body and no header", undefined, {}],
  ["no body and the header", undefined, json],
  ["an empty body", "", {}],
  ["an empty body and the header of a form", "", form],
  ["an empty object", "{}", json],
])("the body may be left out: %s", async (_, body, headers) => {
  const gateway = testGateway();
  const id = await gateway.stored();
  const answer = await gateway.post(`/requests/${id}/executions`, body, headers as Record<string, string>);
  expect([answer.status, answer.json.force_error]).toEqual([201, false]);
});

test("one execution is active at a time and success is final: 409 with a link to it or to the results", async () => {
  const gateway = testGateway();
  const id = await gateway.stored();
  const first = await gateway.started(id);
  const second = await gateway.post(`/requests/${id}/executions`);
  expect(named(second)).toEqual([409, "execution-active"]);
  expect(second.json.execution_uri).toBe(`/requests/${id}/executions/${first}`);
  expect((await gateway.get(second.json.execution_uri)).status).toBe(200);
  gateway.requests.become(id, "succeeded");
  const again = await gateway.post(`/requests/${id}/executions`);
  expect(named(again)).toEqual([409, "already-succeeded"]);
  expect(again.json.results_uri).toBe(`/requests/${id}/results`);
});

async function exhausted(gateway: ReturnType<typeof testGateway>): Promise<string> {
  const id = await gateway.stored('{"n":9007199254740993}');
  for (let count = 0; count < 2; count++) {
    await gateway.started(id);
    gateway.requests.become(id, "failed");
  }
  return id;
}

test("after too many failures every attempt is recorded and then refused", async () => {
  const gateway = testGateway({ maxFailures: 2 });
  const id = await exhausted(gateway);
  for (let attempt = 1; attempt <= 3; attempt++) {
    const answer = await gateway.post(`/requests/${id}/executions`, '{"force_error":true}');
    expect(named(answer)).toEqual([409, "failures-exhausted"]);
    expect(answer.json).toMatchObject({
      failures: 2,
      max_failures: 2,
      results_uri: `/requests/${id}/results`,
    });
    expect(gateway.requests.refusals()).toHaveLength(attempt);
  }
  const traceparent = expect.stringMatching(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
  for (const refusal of gateway.requests.refusals()) {
    const numbers = { failures: 2, max_failures: 2 };
    expect(refusal).toMatchObject({ request_id: id, force_error: true, traceparent, ...numbers });
  }
  expect(gateway.requests.countExecutions()).toBe(2);
});

test("after the maximum of executions, however they ended, every attempt is refused and the reason is named", async () => {
  const gateway = testGateway({ maxFailures: 2 });
  const id = await gateway.stored("1");
  for (let count = 0; count < limits.attemptMax; count++) {
    await gateway.started(id);
    gateway.requests.become(id, "cancelled");
  }
  const answer = await gateway.post(`/requests/${id}/executions`);
  expect(named(answer)).toEqual([409, "failures-exhausted"]);
  expect(answer.json.message).toStartWith("This processing request has had 1000 executions");
});

test("an attempt that cannot be recorded is not refused as if it had been", async () => {
  const gateway = testGateway({ maxFailures: 2 });
  const id = await exhausted(gateway);
  gateway.requests.control.before = (name) => {
    if (name === "recordRefusals") throw new Unavailable("no response");
  };
  const answer = await gateway.post(`/requests/${id}/executions`);
  expect(named(answer)).toEqual([503, "unavailable"]);
  expect(Number(answer.headers.get("retry-after"))).toBeGreaterThan(0);
  gateway.requests.control.before = () => {};
  expect(named(await gateway.post(`/requests/${id}/executions`))).toEqual([409, "failures-exhausted"]);
});

describe("attempts at an exhausted request", () => {
  const limited = async () => {
    const gateway = testGateway({ maxFailures: 2 });
    const id = await exhausted(gateway);
    const attempt = () => gateway.post(`/requests/${id}/executions`);
    const hundred = await Promise.all(Array.from({ length: 100 }, attempt));
    expect(hundred.map(({ status }) => status)).toEqual(hundred.map(() => 409));
    return { gateway, id, attempt };
  };

  test("100 at once are recorded, then one a second as Retry-After says; others are 429 and not recorded", async () => {
    const { gateway, id, attempt } = await limited();
    for (let recorded = 100; recorded <= 103; recorded++) {
      const tooMuch = await attempt();
      expect(named(tooMuch)).toEqual([429, "too-many-attempts"]);
      expect(tooMuch.headers.get("retry-after")).toBe("1");
      expect(tooMuch.json.results_uri).toBe(`/requests/${id}/results`);
      expect(gateway.requests.refusals()).toHaveLength(recorded);
      gateway.time.nowMs += 1_000;
      expect(named(await attempt())).toEqual([409, "failures-exhausted"]);
    }
    expect(gateway.requests.countExecutions()).toBe(2);
  });

  test("the limit is per request, and does not count attempts that are admitted or refused otherwise", async () => {
    const { gateway, id, attempt } = await limited();
    expect((await attempt()).status).toBe(429);
    const other = await exhausted(gateway);
    expect(named(await gateway.post(`/requests/${other}/executions`))).toEqual([409, "failures-exhausted"]);
    gateway.requests.become(id, "cancelled");
    expect((await attempt()).status).toBe(201);
    for (let count = 0; count < 150; count++) expect(named(await attempt())[1]).toBe("execution-active");
  });
});

test("an execution shows its progress", async () => {
  const gateway = testGateway();
  const id = await gateway.stored('{"p":1}');
  const execution = await gateway.started(id);
  const error = { code: "forced_error", message: "As asked." };
  gateway.requests.become(id, "failed", { epoch: 2, lost: 1, error });
  const answer = await gateway.get(`/requests/${id}/executions/${execution}`);
  expect(answer.json).toMatchObject({
    id: execution,
    force_error: false,
    processing_request: { id, payload: { p: 1 } },
    status: "failed",
    attempt: 1,
    runs: 2,
    lost: 1,
    error,
    results_uri: `/requests/${id}/executions/${execution}/results`,
  });
});

test("executions are listed oldest first, in pages, without payloads", async () => {
  const gateway = testGateway({ maxFailures: 10 });
  const id = await gateway.stored('"a large payload"');
  const ids: string[] = [];
  for (let count = 0; count < 3; count++) {
    ids.push(await gateway.started(id));
    gateway.requests.become(id, "failed");
  }
  const first = await gateway.get(`/requests/${id}/executions?limit=2`);
  const second = await gateway.get(first.json.next_uri as string);
  const seen = [first, second].flatMap((page) => page.json.executions);
  expect(seen.map((one) => one.id)).toEqual(ids);
  expect(second.json.next_uri).toBeUndefined();
  expect(first.text).not.toContain("payload");
});

test("cancelling returns the resulting state, or 409 if the execution has ended", async () => {
  const gateway = testGateway();
  const id = await gateway.stored();
  const execution = await gateway.started(id);
  const path = `/requests/${id}/executions/${execution}/cancel`;
  gateway.requests.become(id, "running");
  expect([(await gateway.post(path)).status, (await gateway.post(path, "{}")).status]).toEqual([202, 202]);
  gateway.requests.become(id, "queued");
  const cancelled = await gateway.post(path);
  expect([cancelled.status, cancelled.json.status]).toEqual([200, "cancelled"]);
  expect((await gateway.post(path)).status).toBe(200);
  gateway.requests.become(id, "succeeded");
  const ended = await gateway.post(path);
  expect(named(ended)).toEqual([409, "execution-ended"]);
  expect(ended.json.results_uri).toBe(`/requests/${id}/executions/${execution}/results`);
});

/** What cannot be an id, e2e/src/clients/hostile-rows.ts and the property tests send in more forms. */
const malformed = [
  "..%2f..%2fetc%2fpasswd",
  "%00",
  "%zz",
  "x".repeat(9_000),
  unknownId.toUpperCase().replace("019", "A19"),
];
test.each([
  ["GET", "/requests/:r"],
  ["GET", "/requests/:r/results"],
  ["GET", "/requests/:r/executions"],
  ["POST", "/requests/:r/executions"],
  ["GET", "/requests/:r/executions/:e"],
  ["GET", "/requests/:r/executions/:e/results"],
  ["GET", "/requests/:r/executions/:e/log"],
  ["POST", "/requests/:r/executions/:e/cancel"],
])("ids that do not exist are 404, and malformed ones without a call: %s %s", async (method, path) => {
  const gateway = testGateway();
  const ask = async (request: string, execution: string) =>
    named(await gateway.ask(method, path.replace(":r", request).replace(":e", execution)));
  const isOfExecution = path.includes(":e");
  for (const id of malformed) {
    expect(await ask(id, unknownId)).toEqual([404, "request-not-found"]);
    if (isOfExecution) expect(await ask(unknownId, id)).toEqual([404, "execution-not-found"]);
  }
  expect([gateway.requests.calls, gateway.results.calls]).toEqual([{}, {}]);
  expect(await ask(unknownId, unknownId)).toEqual([404, "request-not-found"]);
  const known = await gateway.stored();
  if (isOfExecution) expect(await ask(known, unknownId)).toEqual([404, "execution-not-found"]);
});

test("a valid traceparent is passed on, another one is replaced", async () => {
  const gateway = testGateway();
  const given = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  const cases: [sent: string | undefined, isKept: boolean][] = [
    [given, true],
    [undefined, false],
    ["00-00000000000000000000000000000000-b7ad6b7169203331-01", false],
    ["00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01", false],
    [given.toUpperCase(), false],
    [`${given}-more`, false],
  ];
  for (const [sent, isKept] of cases) {
    const id = await gateway.stored();
    const headers = sent === undefined ? {} : { traceparent: sent };
    const { json } = await gateway.ask("POST", `/requests/${id}/executions`, undefined, headers);
    const trace = gateway.requests.traces.get(json.id) as string;
    expect(trace).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
    expect(trace === sent).toBe(isKept);
  }
});
