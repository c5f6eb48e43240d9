import { describe, expect, test } from "bun:test";
import { limits, Unavailable } from "@sate/contracts";
import { until } from "@sate/contracts/test/until.ts";
import { newKey, readKeys } from "../../src/access/api-keys.ts";
import type { Recorded } from "../../src/ports.ts";
import { result } from "../fakes/results.ts";
import type { Answer, testGateway } from "../support/gateway.ts";
import { withExecution } from "../support/watched.ts";

const wait = (seconds: number | string) => ({ prefer: `wait=${seconds}` });
const applied = ({ headers }: Answer) => headers.get("preference-applied");
const polled = (gateway: ReturnType<typeof testGateway>) =>
  until("it is polled", () => (gateway.requests.calls.executionStates ?? 0) > 0);

describe("GET of an execution", () => {
  test("responds once it has ended and its result is recorded, with the result byte for byte", async () => {
    const { gateway, path, become, record } = await withExecution();
    const asked = gateway.get(path, wait(30));
    await polled(gateway);
    become("succeeded");
    await until("the result is looked for", () => (gateway.results.calls.resultsRecorded ?? 0) > 2);
    record({ outputs_json: '{ "n":1e400,"2":0,"1":-0 }' });
    const answer = await asked;
    expect([answer.status, applied(answer), answer.json.status]).toEqual([200, "wait=30", "succeeded"]);
    expect(answer.text).toContain('"outputs":{ "n":1e400,"2":0,"1":-0 }');
    expect(answer.json.processing_request).toMatchObject({ payload: { a: 1 } });
    expect(answer.json.result).not.toHaveProperty("execution");
  });

  test("responds at once if it has ended already", async () => {
    const { gateway, path, become, record } = await withExecution();
    become("failed", { error: { code: "no", message: "No." } });
    record({ is_success: false, outputs_json: "{}", error: { code: "no", message: "No." } });
    const { json } = await gateway.get(path, wait(30));
    expect(json).toMatchObject({ status: "failed", result: { is_success: false, error: { code: "no" } } });
  });

  test("responds with the status reached when the time is over, without a result that other clients cannot read yet", async () => {
    const { gateway, path, become } = await withExecution();
    become("running", { epoch: 1 });
    const running = await gateway.get(path, wait(1));
    expect([running.status, applied(running), running.json.status]).toEqual([200, "wait=1", "running"]);
    become("succeeded");
    const ended = await gateway.get(path, wait(0));
    expect([applied(ended), ended.json.status, ended.json.result]).toEqual([
      "wait=0",
      "succeeded",
      undefined,
    ]);
  });

  test("without the header, or with one that is malformed, nothing changes", async () => {
    const { gateway, path, become, record } = await withExecution();
    become("succeeded");
    record();
    for (const headers of [{}, wait("x"), { prefer: "respond-async" }]) {
      const answer = await gateway.get(path, headers);
      expect([answer.status, applied(answer), answer.json.result]).toEqual([200, null, undefined]);
    }
    expect(gateway.results.calls).toEqual({});
  });

  test("waits through an outage of either service", async () => {
    const { gateway, path, become, record } = await withExecution();
    const asked = gateway.get(path, wait(30));
    await polled(gateway);
    const away = () => Promise.reject(new Unavailable("no response"));
    gateway.requests.control.before = away;
    gateway.results.control.before = away;
    become("succeeded");
    record();
    await until("the poll has failed", () => (gateway.counters.read().polls_failed ?? 0) > 0);
    gateway.requests.control.before = () => {};
    const failed = gateway.counters.read().polls_failed ?? 0;
    await until("and that of results", () => (gateway.counters.read().polls_failed ?? 0) > failed);
    gateway.results.control.before = () => {};
    expect((await asked).json.result).toMatchObject({ is_success: true });
  });

  test("a result that is recorded and cannot be read is read again", async () => {
    const { gateway, path, become, record } = await withExecution();
    become("succeeded");
    record();
    const { resultsOfExecution } = gateway.results.api;
    let reads = 0;
    Object.assign(gateway.results.api, {
      resultsOfExecution: async (body: never) => {
        if (++reads < 3) throw new Unavailable("no response");
        return resultsOfExecution(body);
      },
    });
    expect((await gateway.get(path, wait(30))).json.result).toMatchObject({ is_success: true });
    expect(reads).toBe(3);
  });

  test("an unknown execution is refused at once, and one that is removed ends the wait", async () => {
    const { gateway, path } = await withExecution();
    expect((await gateway.get(`${path.slice(0, -4)}0000`, wait(30))).status).toBe(404);
    Object.assign(gateway.requests.api, { executionStates: async () => ({ states: [null] }) });
    expect((await gateway.get(path, wait(30))).json.status).toBe("queued");
  });

  test("a result that is removed after it was recorded ends the wait", async () => {
    const { gateway, path, become, record } = await withExecution();
    become("succeeded");
    record();
    Object.assign(gateway.results.api, { resultsOfExecution: async () => ({ results: [] }) });
    const asked = gateway.get(path, wait(30));
    await until("it is recorded", () => (gateway.results.calls.resultsRecorded ?? 0) > 0);
    become("succeeded", { removed_at: 1_600_000_000_000 });
    expect((await asked).json).toMatchObject({ removed_at: "2020-09-13 12:26:40.000000" });
  });
});

describe("POST of an execution", () => {
  test("responds with 201, its location, and the state with the result", async () => {
    const { gateway } = await withExecution();
    const id = await gateway.stored('{"n":1e400}');
    const asked = gateway.ask("POST", `/requests/${id}/executions`, undefined, wait(30));
    await polled(gateway);
    const execution = gateway.requests.last(id);
    gateway.requests.become(id, "succeeded", { epoch: 1 });
    gateway.results.records.push(result(id, 1, { execution_id: execution.id }));
    const answer = await asked;
    expect([answer.status, applied(answer)]).toEqual([201, "wait=30"]);
    expect(answer.headers.get("location")).toBe(`/requests/${id}/executions/${execution.id}`);
    expect(answer.text).toContain('"payload":{"n":1e400}');
    expect(answer.json).toMatchObject({ status: "succeeded", runs: 1, result: { is_success: true } });
  });

  test("responds with 201 also if every service is away after the execution was stored", async () => {
    const { gateway } = await withExecution();
    const id = await gateway.stored();
    gateway.requests.control.before = (name) => {
      if (name === "executionStates") throw new Unavailable("no response");
    };
    const answer = await gateway.ask("POST", `/requests/${id}/executions`, undefined, wait(1));
    expect([answer.status, answer.json.status]).toEqual([201, "queued"]);
  });

  test("without the header the body has exactly the fields of the original, and nothing is polled", async () => {
    const { gateway } = await withExecution();
    const id = await gateway.stored();
    const { json } = await gateway.post(`/requests/${id}/executions`);
    expect(Object.keys(json)).toEqual(["id", "force_error", "creation_date", "processing_request"]);
    expect(gateway.requests.calls.executionStates).toBeUndefined();
  });

  test("a refusal does not wait", async () => {
    const { gateway, ref } = await withExecution();
    const answer = await gateway.ask("POST", `/requests/${ref.request_id}/executions`, undefined, wait(30));
    expect([answer.status, applied(answer)]).toEqual([409, null]);
  });
});

test("in one process the response leaves without waiting for the next poll", async () => {
  const listeners: ((recorded: Recorded) => void)[] = [];
  let nowMs = 0;
  const ports = { onRecorded: (listener: (recorded: Recorded) => void) => void listeners.push(listener) };
  // The clock of the polls stands still: only the hint can end the wait.
  const { gateway, path, ref, become, record } = await withExecution(
    {},
    { ...ports, monotonic: () => nowMs },
  );
  const asked = gateway.get(path, wait(30));
  await until("it is read", () => (gateway.requests.calls.getExecution ?? 0) > 0);
  await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
  become("succeeded");
  record();
  nowMs = 1;
  listeners[0]?.([ref]);
  expect((await asked).json.result).toMatchObject({ is_success: true });
});

test("an API key that may only submit does not wait, and sees no result", async () => {
  const [submits, reads] = [newKey("submits", ["submit"]), newKey("reads", ["submit", "read"])];
  const { keys } = readKeys(`${submits.entry},${reads.entry}`, "keys");
  const as = ({ key }: { key: string }) => ({ authorization: `Bearer ${key}` });
  const { gateway } = await withExecution({ apiKeys: keys }, {}, as(submits));
  const json = { "content-type": "application/json", ...as(submits) };
  for (const [key, preference] of [
    [submits, null],
    [reads, "wait=1"],
  ] as const) {
    const id = (await gateway.post("/requests", '{"payload":1}', json)).json.id;
    const headers = { ...wait(1), ...as(key) };
    const answer = await gateway.ask("POST", `/requests/${id}/executions`, undefined, headers);
    expect([answer.status, applied(answer)]).toEqual([201, preference]);
  }
});

describe("a wait ends", () => {
  test("when its client disconnects: nothing is polled for it afterwards", async () => {
    const { gateway, path, execution } = await withExecution();
    const client = new AbortController();
    const { signal } = client;
    const asked = gateway.app.handle(new Request(`http://localhost${path}`, { headers: wait(30), signal }));
    await polled(gateway);
    client.abort();
    await asked;
    const refs: { execution_id: string }[][] = [];
    gateway.requests.control.before = (name, body: { refs: (typeof refs)[number] }) => {
      if (name === "executionStates") refs.push(body.refs);
    };
    const other = await execution();
    void gateway.get(other.path, wait(30));
    await until("another is polled", () => refs.length > 2);
    expect(refs.flat().map(({ execution_id }) => execution_id)).not.toContain(path.slice(-36));
    gateway.endWaits();
  });

  test("when the gateway stops, with the status reached", async () => {
    const { gateway, path, become } = await withExecution();
    become("running", { epoch: 1 });
    const asked = gateway.get(path, wait(30));
    await polled(gateway);
    gateway.endWaits();
    const answer = await asked;
    expect([answer.status, applied(answer), answer.json.status]).toEqual([200, "wait=30", "running"]);
  });
});

describe("beyond the limits the preference is not applied, and waiting clients delay no others", () => {
  test(`${limits.waitingMax} clients`, async () => {
    const { gateway, path } = await withExecution();
    const asked: Promise<Answer>[] = [];
    // The ingress serves 64 reads at once, and lets 2,000 wait.
    for (let count = 0; count < limits.waitingMax; count += 500) {
      const from = gateway.requests.calls.getExecution ?? 0;
      asked.push(...Array.from({ length: 500 }, () => gateway.get(path, wait(60))));
      await until("they wait", () => (gateway.requests.calls.getExecution ?? 0) === from + 500);
    }
    const one = await gateway.get(path, wait(60));
    expect([one.status, applied(one), one.json.status]).toEqual([200, null, "queued"]);
    expect((await gateway.get("/requests")).status).toBe(200);
    gateway.endWaits();
    for (const answer of await Promise.all(asked)) expect(applied(answer)).toBe("wait=60");
  }, 60_000);

  test(`${limits.waitingBytesMax} bytes of payloads`, async () => {
    const { gateway, execution } = await withExecution();
    const payload = JSON.stringify("x".repeat(limits.bodyBytesDefault - 100));
    const asked: Promise<Answer>[] = [];
    const fitting = Math.floor(limits.waitingBytesMax / payload.length);
    const { path } = await execution(payload);
    for (let count = 0; count < fitting; count++) asked.push(gateway.get(path, wait(60)));
    const calls = () => gateway.requests.calls.getExecution ?? 0;
    await until("they wait", () => calls() === fitting);
    expect(applied(await gateway.get(path, wait(60)))).toBeNull();
    gateway.endWaits();
    for (const answer of await Promise.all(asked)) expect(applied(answer)).toBe("wait=60");
  }, 60_000);
});
