import { describe, expect, test } from "bun:test";
import { newKey, readKeys } from "../../src/access/api-keys.ts";
import { json, named, type TestGateway, testGateway } from "../support/gateway.ts";

const keyed = (key: string, more: Record<string, string> = {}) => ({
  ...json,
  "idempotency-key": key,
  ...more,
});

describe("a request with execute", () => {
  test("is stored with its execution, and the response contains both", async () => {
    const gateway = testGateway();
    const answer = await gateway.post("/requests", '{"payload":{"a":1e400},"execute":true}');
    expect(answer.status).toBe(201);
    expect(Object.keys(answer.json)).toEqual(["id", "payload", "execution"]);
    const { id, execution } = answer.json as never as { id: string; execution: { id: string } };
    expect(answer.headers.get("location")).toBe(`/requests/${id}`);
    expect(execution).toMatchObject({ processing_request: { id }, status: "queued", attempt: 1 });
    // The payload is in the response once.
    expect(answer.text.split("1e400")).toHaveLength(2);
    const read = await gateway.get(`/requests/${id}/executions/${execution.id}`);
    expect(read.json).toMatchObject({ id: execution.id, processing_request: { id } });
    // One call stores both.
    expect(gateway.requests.calls).toEqual({ createRequests: 1, getExecution: 1 });
    expect(gateway.counters.read()).toMatchObject({ requests_created: 1, executions_created: 1 });
  });

  test("that is refused stores nothing", async () => {
    const gateway = testGateway();
    const body = '{"payload":1,"processor":"unknown","execute":true}';
    expect(named(await gateway.post("/requests", body))).toEqual([422, "unknown-processor"]);
    // The announcement is a second old: the processor is withdrawn meanwhile.
    gateway.requests.processors.announce({ name: "late", kind: "module", timeout_seconds: 1 });
    gateway.requests.control.before = (name) => {
      if (name === "createRequests") gateway.requests.processors.work.withdrawProcessor({ name: "late" });
    };
    const late = await gateway.post("/requests", body.replace("unknown", "late"));
    expect(named(late)).toEqual([422, "unknown-processor"]);
    expect([gateway.requests.requests.size, gateway.requests.countExecutions()]).toEqual([0, 0]);
  });

  test("false has the same effect as no field", async () => {
    const gateway = testGateway();
    const answer = await gateway.post("/requests", '{"payload":1,"execute":false}');
    expect(Object.keys(answer.json)).toEqual(["id", "payload"]);
    expect(gateway.requests.countExecutions()).toBe(0);
  });
});

describe("an Idempotency-Key of a request", () => {
  const body = '{"payload":1,"execute":true}';
  const created = (gateway: TestGateway, key: string, sent = body) =>
    gateway.post("/requests", sent, keyed(key));

  test("repeated gets the response of the first call, and says so", async () => {
    const gateway = testGateway();
    const first = await created(gateway, "k");
    expect(first.headers.get("idempotency-replayed")).toBeNull();
    const again = await created(gateway, '"k"', '{ "execute":true, "payload":1 }');
    expect([again.status, again.text]).toEqual([201, first.text]);
    expect(again.headers.get("location")).toBe(first.headers.get("location") as string);
    expect(again.headers.get("idempotency-replayed")).toBe("true");
    expect(gateway.counters.read()).toMatchObject({ requests_created: 1, executions_created: 1 });
  });

  test("with another body is refused, and nothing is stored", async () => {
    const gateway = testGateway();
    await created(gateway, "k");
    for (const other of ['{"payload":1}', '{"payload":1.0,"execute":true}']) {
      expect(named(await created(gateway, "k", other))).toEqual([422, "idempotency-key-reused"]);
    }
    expect(gateway.requests.requests.size).toBe(1);
  });

  test("50 calls at once create one request and one execution, and all get the same ids", async () => {
    const gateway = testGateway();
    const answers = await Promise.all(Array.from({ length: 50 }, () => created(gateway, "k")));
    expect(new Set(answers.map(({ status, text }) => `${status} ${text}`)).size).toBe(1);
    expect(answers.filter(({ headers }) => !headers.has("idempotency-replayed"))).toHaveLength(1);
    expect([gateway.requests.requests.size, gateway.requests.countExecutions()]).toEqual([1, 1]);
  });

  test("is replayed although its processor was withdrawn since, or its schema has changed", async () => {
    const gateway = testGateway();
    const announced = { name: "p", kind: "module", timeout_seconds: 1 } as const;
    gateway.requests.processors.announce(announced);
    const sent = '{"payload":1,"processor":"p"}';
    const first = await created(gateway, "k", sent);
    gateway.requests.processors.announce({ ...announced, input_json: '{"type":"string"}' });
    gateway.time.nowMs = 5_000;
    expect((await created(gateway, "k", sent)).json.id).toBe(first.json.id);
    expect(named(await created(gateway, "other", sent))).toEqual([422, "invalid-payload"]);
    gateway.requests.processors.work.withdrawProcessor({ name: "p" });
    gateway.time.nowMs = 10_000;
    expect((await created(gateway, "k", sent)).json.id).toBe(first.json.id);
    expect(gateway.requests.requests.size).toBe(1);
  });

  test("whose request was removed gets 410", async () => {
    const gateway = testGateway();
    const { id } = (await created(gateway, "k")).json;
    const stored = gateway.requests.requests.get(id);
    if (stored) stored.removed_at = 1;
    expect(named(await created(gateway, "k"))).toEqual([410, "request-removed"]);
    expect(named(await gateway.post(`/requests/${id}/executions`))).toEqual([410, "request-removed"]);
  });

  test("is a different key for another API key and another route", async () => {
    const [a, b] = [newKey("a", ["submit"]), newKey("b", ["submit"])];
    const { keys } = readKeys(`${a.entry},${b.entry}`, "keys");
    const gateway = testGateway({ apiKeys: keys });
    const ids = new Set<unknown>();
    for (const { key } of [a, b, a]) {
      const headers = keyed("k", { authorization: `Bearer ${key}` });
      ids.add((await gateway.post("/requests", '{"payload":1}', headers)).json.id);
      const batch = await gateway.post("/requests/batch", '{"requests":[{"payload":1}]}', headers);
      ids.add(batch.json.results[0]?.id);
    }
    expect(ids.size).toBe(4);
  });
});

describe("an Idempotency-Key of an execution", () => {
  const body = '{"force_error":false}';

  test("repeated gets the execution, whatever has become of it, before every other rule", async () => {
    const gateway = testGateway({ maxFailures: 1 });
    const id = await gateway.stored();
    const create = (key: string, sent = body) => gateway.post(`/requests/${id}/executions`, sent, keyed(key));
    const first = await create("k");
    for (const status of ["running", "failed"] as const) {
      gateway.requests.become(id, status);
      const again = await create("k");
      expect([again.status, again.text]).toEqual([201, first.text]);
      expect(again.headers.get("idempotency-replayed")).toBe("true");
    }
    // Far beyond the limit of attempts at an exhausted request.
    await Promise.all(Array.from({ length: 101 }, () => create("other")));
    expect((await create("other")).status).toBe(429);
    expect((await create("k")).text).toBe(first.text);
    gateway.requests.become(id, "succeeded");
    expect((await create("k")).text).toBe(first.text);
    expect(named(await create("k", '{"force_error":true}'))).toEqual([422, "idempotency-key-reused"]);
    expect(named(await create("other"))).toEqual([409, "already-succeeded"]);
    expect(gateway.requests.countExecutions()).toBe(1);
  });

  test("of another request is a different key", async () => {
    const gateway = testGateway();
    const ids = [await gateway.stored(), await gateway.stored()];
    for (const id of ids) {
      const answer = await gateway.post(`/requests/${id}/executions`, body, keyed("k"));
      expect([answer.status, answer.headers.get("idempotency-replayed")]).toEqual([201, null]);
    }
  });
});
