import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { limits } from "@sate/contracts";
import { until } from "@sate/contracts/test/until.ts";
import { type Answer, named, testGateway } from "../support/gateway.ts";
import { claimedRun, queued, remoteWorker } from "../support/worker.ts";

// Its deadlines are those of `until`.
setDefaultTimeout(60_000);

test("a claim returns runs of the worker's processors with their payloads byte for byte", async () => {
  const gateway = testGateway();
  const worker = await remoteWorker(gateway, [{ name: "transcode", timeout_seconds: 9 }]);
  await gateway.started(await gateway.stored());
  const payload = '{ "n":1e400,"__proto__":1,"\\ud800":[9007199254740993],"a":1,"a":2 }';
  const request_id = await queued(gateway, "transcode", payload);
  const answer = await worker.claim();
  expect(answer.text).toContain(`"payload":${payload}}`);
  expect((answer.json as unknown as { runs: object[] }).runs).toMatchObject([
    {
      request_id,
      attempt: 1,
      epoch: 1,
      processor: "transcode",
      try: 1,
      timeout_seconds: 9,
      force_error: false,
    },
  ]);
  expect(gateway.requests.last(request_id)).toMatchObject({ status: "running", epoch: 1 });
});

test("a claim that is repeated returns the same runs, and another one others", async () => {
  const gateway = testGateway();
  const worker = await remoteWorker(gateway);
  for (let count = 0; count < 3; count++) await queued(gateway);
  const claim = { claim_id: Bun.randomUUIDv7(), limit: 2 };
  const first = await worker.claim(claim);
  expect((await worker.claim(claim)).text).toBe(first.text);
  const other = await worker.claim();
  expect((other.json as unknown as { runs: object[] }).runs).toHaveLength(1);
  expect(first.text).not.toContain(
    (other.json as unknown as { runs: { execution_id: string }[] }).runs[0]?.execution_id as string,
  );
});

test("a claim asks for no more than the concurrency of each processor, and never for more than a worker may hold", async () => {
  const gateway = testGateway();
  const worker = await remoteWorker(gateway, [{ name: "one", concurrency: 1 }, { name: "many" }]);
  const asked: { limit: number; processors: { limit: number }[] }[] = [];
  let held = 0;
  gateway.requests.control.before = (name, body) => {
    if (name === "claimAny") asked.push(body);
  };
  const { heartbeat } = gateway.requests.api;
  const run = { request_id: worker.id, execution_id: worker.id, attempt: 1, epoch: 1, cancel: false };
  Object.assign(gateway.requests.api, {
    heartbeat: async (body: { worker_id: string }) => ({
      ...(await heartbeat(body)),
      runs: Array(held).fill(run),
    }),
  });
  await worker.claim({ limit: 8 });
  expect(asked.at(-1)).toMatchObject({ limit: 8, processors: [{ limit: 8 }, { limit: 1 }] });
  held = limits.workerRunsMax - 3;
  await worker.claim({ limit: 8 });
  expect(asked.at(-1)).toMatchObject({ limit: 3, processors: [{ limit: 3 }, { limit: 1 }] });
  held = limits.workerRunsMax;
  expect((await worker.claim()).status).toBe(204);
  expect(asked).toHaveLength(2);
});

describe("a claim that waits", () => {
  test("returns as soon as there is a run", async () => {
    const gateway = testGateway();
    const worker = await remoteWorker(gateway);
    const claim = worker.claim({ wait_seconds: 30 });
    await until("it has looked", () => (gateway.requests.calls.claimAny ?? 0) > 0);
    await queued(gateway);
    expect((await claim).status).toBe(200);
  });

  test("hands its runs back if the lease of its worker has expired meanwhile", async () => {
    const gateway = testGateway();
    const worker = await remoteWorker(gateway);
    const claim = worker.claim({ wait_seconds: 30 });
    await until("it has looked", () => (gateway.requests.calls.claimAny ?? 0) > 0);
    const [id = ""] = worker.internalIds();
    Object.assign(gateway.requests.processors.workers.get(id) as object, { isGone: true });
    const request = await queued(gateway);
    expect(named(await claim)).toEqual([410, "worker-gone"]);
    expect(gateway.requests.last(request).status).toBe("queued");
  });

  test("returns 204 after its `wait_seconds`", async () => {
    const gateway = testGateway();
    const worker = await remoteWorker(gateway);
    const answer = await worker.claim({ wait_seconds: 0.3 });
    expect([answer.status, answer.text]).toEqual([204, ""]);
  });

  test("ends when a stop begins; later claims are refused", async () => {
    const gateway = testGateway();
    const worker = await remoteWorker(gateway);
    const claim = worker.claim({ wait_seconds: 30 });
    await until("it has looked", () => (gateway.requests.calls.claimAny ?? 0) > 0);
    gateway.endWaits();
    expect((await claim).status).toBe(204);
    expect(named(await worker.claim({ wait_seconds: 30 }))).toEqual([503, "overloaded"]);
  });

  test("ends when its client goes away, and claims nothing afterwards", async () => {
    const gateway = testGateway();
    const worker = await remoteWorker(gateway);
    const client = new AbortController();
    const body = JSON.stringify({ claim_id: Bun.randomUUIDv7(), limit: 1, wait_seconds: 30 });
    const headers = { "content-type": "application/json" };
    const { signal } = client;
    const url = `http://localhost/workers/${worker.id}/claims`;
    const claim = gateway.app.handle(new Request(url, { method: "POST", body, headers, signal }));
    await until("it has looked", () => (gateway.requests.calls.claimAny ?? 0) > 0);
    client.abort();
    await claim;
    const id = await queued(gateway);
    expect(gateway.requests.last(id).status).toBe("queued");
  });

  test("delays no other work, and claims beyond the maximum are refused", async () => {
    const gateway = testGateway();
    const worker = await remoteWorker(gateway);
    const claims: Promise<Answer>[] = [];
    for (let count = 0; count < 1_100; count++) claims.push(worker.claim({ wait_seconds: 30 }));
    const first = await Promise.race(claims);
    expect(named(first)).toEqual([503, "overloaded"]);
    expect(first.headers.get("retry-after")).toBe("2");
    expect((await worker.heartbeat([])).status).toBe(200);
    expect((await gateway.get("/requests")).status).toBe(200);
    await queued(gateway);
    gateway.endWaits();
    const statuses = (await Promise.all(claims)).map(({ status }) => status);
    expect(statuses.filter((status) => status === 503)).toHaveLength(100);
  });
});

test("a worker whose lease has expired, or that is unknown, is gone", async () => {
  const gateway = testGateway();
  const worker = await remoteWorker(gateway);
  await queued(gateway);
  const [id = ""] = worker.internalIds();
  Object.assign(gateway.requests.processors.workers.get(id) as object, { isGone: true });
  expect(named(await worker.claim({ wait_seconds: 30 }))).toEqual([410, "worker-gone"]);
  expect(named(await worker.heartbeat([]))).toEqual([410, "worker-gone"]);
  expect(gateway.requests.calls.claimAny).toBeUndefined();
  for (const unknown of [Bun.randomUUIDv7(), id, "..%2f", "x".repeat(9_000)]) {
    const body = JSON.stringify({ claim_id: Bun.randomUUIDv7(), limit: 1 });
    expect(named(await gateway.post(`/workers/${unknown}/claims`, body))).toEqual([410, "worker-gone"]);
  }
});

test("a worker that another gateway has just registered can claim", async () => {
  const gateway = testGateway();
  const before = await remoteWorker(gateway);
  await before.claim();
  const worker = await remoteWorker(gateway, [{ name: "new" }]);
  await queued(gateway, "new");
  expect((await claimedRun(worker)).processor).toBe("new");
});

test.each([
  ["limit", 0],
  ["limit", 17],
  ["limit", 1.5],
  ["wait_seconds", 31],
  ["wait_seconds", -1],
  ["claim_id", "x"],
  ["claim_id", undefined],
])("an invalid claim is refused: %s %p", async (field, value) => {
  const worker = await remoteWorker(testGateway());
  const answer = await worker.claim({ [field]: value });
  expect([...named(answer), answer.json.field]).toEqual([422, "invalid-body", field]);
});
