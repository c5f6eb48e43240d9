import { expect, test } from "bun:test";
import { Unavailable } from "@sate/contracts";
import { testGateway } from "../support/gateway.ts";
import { claimedRun, queued, remoteWorker } from "../support/worker.ts";

test("a heartbeat says which runs to cancel and which are lost", async () => {
  const gateway = testGateway();
  const worker = await remoteWorker(gateway);
  await queued(gateway);
  const first = await claimedRun(worker);
  await queued(gateway);
  const second = await claimedRun(worker);
  expect((await worker.heartbeat([first, second])).json).toMatchObject({ cancel: [], lost: [] });
  const { request_id, execution_id } = first;
  expect((await gateway.post(`/requests/${request_id}/executions/${execution_id}/cancel`)).status).toBe(202);
  const stale = { ...second, epoch: 2 };
  expect((await worker.heartbeat([first, second, stale])).json).toMatchObject({
    cancel: [worker.refOf(first)],
    lost: [worker.refOf(stale)],
  });
});

test("what the worker does not list is requeued, except what its last claim may still bring", async () => {
  const gateway = testGateway();
  const worker = await remoteWorker(gateway);
  const id = await queued(gateway);
  const claim_id = Bun.randomUUIDv7();
  await worker.claim({ claim_id });
  await worker.heartbeat([], { claim_id });
  expect(gateway.requests.last(id).status).toBe("running");
  await worker.heartbeat([], { claim_id: Bun.randomUUIDv7() });
  expect(gateway.requests.last(id).status).toBe("queued");
});

test("progress and parts of the log are stored, also if they are sent twice", async () => {
  const gateway = testGateway();
  const worker = await remoteWorker(gateway);
  await queued(gateway);
  const run = await claimedRun(worker);
  const progress = { fraction: 0.25, message: "a quarter" };
  for (const [sequence, text] of [
    [0, "one\n"],
    [0, "one\n"],
    [1, "two\n"],
  ] as const) {
    await worker.heartbeat([run], {}, { progress, log: { sequence, text } });
  }
  const at = `/requests/${run.request_id}/executions/${run.execution_id}`;
  expect((await gateway.get(at)).json).toMatchObject({ progress });
  expect((await gateway.get(`${at}/log`)).text).toBe("one\ntwo\n");
});

test("a log is only written by the worker that holds the run, and a lost log fails no heartbeat", async () => {
  const gateway = testGateway();
  const worker = await remoteWorker(gateway);
  const other = await remoteWorker(gateway);
  await queued(gateway);
  const run = await claimedRun(worker);
  const log = { sequence: 0, text: "forged\n" };
  expect((await other.heartbeat([run], {}, { log })).json).toMatchObject({ lost: [worker.refOf(run)] });
  expect(gateway.requests.runs.chunks).toEqual([]);
  gateway.requests.control.before = (name) => {
    if (name === "appendLogs") throw new Unavailable("no response");
  };
  expect((await worker.heartbeat([run], {}, { log })).status).toBe(200);
  expect(gateway.counters.read()).toMatchObject({ remote_logs_lost: 1 });
});

test("a worker that ends leaves its runs to others, and may end twice", async () => {
  const gateway = testGateway();
  const worker = await remoteWorker(gateway);
  const id = await queued(gateway);
  const run = await claimedRun(worker);
  for (let count = 0; count < 2; count++) {
    const answer = await worker.end();
    expect([answer.status, answer.text]).toEqual([204, ""]);
  }
  expect(gateway.requests.last(id).status).toBe("queued");
  expect((await worker.finish(run, { outputs: 1 })).status).toBe(410);
});
