import { describe, expect, test } from "bun:test";
import { limits } from "@sate/contracts";
import { json, named, testGateway } from "../support/gateway.ts";
import { type ClaimedRun, claimedRun, queued, remoteWorker } from "../support/worker.ts";

const retry = { tries: 3, first_seconds: 1, max_seconds: 60 };

async function running(processor: object = {}, payload = "1") {
  const gateway = testGateway();
  const worker = await remoteWorker(gateway, [{ name: "transcode", ...processor }]);
  const id = await queued(gateway, "transcode", payload);
  const run = await claimedRun(worker);
  return { gateway, worker, run, id, execution: () => gateway.requests.last(id) };
}
const statusOf = (answer: { json: object }) => (answer.json as { status?: string }).status;

test("outputs are stored byte for byte, once, and published", async () => {
  const { gateway, worker, run, execution } = await running({ version: "v7" });
  const outputs = '{ "n":1e400,"__proto__":1,"\\ud800":[-0],"a":1,"a":9007199254740993 }';
  const { request_id, attempt, execution_id, epoch } = run;
  const ref = JSON.stringify({ request_id, attempt, execution_id, epoch });
  const body = `{"outputs":${outputs},"seconds":1.5,${ref.slice(1)}`;
  for (let count = 0; count < 2; count++) {
    const answer = await gateway.post(`/workers/${worker.id}/finish`, body);
    expect([answer.status, statusOf(answer)]).toEqual([200, "stored"]);
  }
  expect(execution()).toMatchObject({
    status: "succeeded",
    outcome: {
      outputs_json: outputs,
      processing_start_time: "2023-11-14 22:13:18.500000",
      processing_end_time: "2023-11-14 22:13:20.000000",
      processing_total_seconds: 1.5,
      tries: 1,
      processor_version: "v7",
    },
  });
  expect(gateway.requests.runs.published).toEqual([execution_id]);
  expect(statusOf(await worker.finish(run, { error: { code: "a", message: "b" } }))).toBe("stored");
  expect(execution().status).toBe("succeeded");
});

test("null is an output", async () => {
  const { worker, run, execution } = await running();
  expect(statusOf(await worker.finish(run, { outputs: null }))).toBe("stored");
  expect(execution()).toMatchObject({ status: "succeeded", outcome: { outputs_json: "null" } });
});

test("without retries an error fails the execution; its text is cut and harmless to a terminal", async () => {
  const { worker, run, execution } = await running();
  const message = `\u001b[31m${"é".repeat(5_000)}`;
  expect(statusOf(await worker.finish(run, { error: { code: "broken", message } }))).toBe("stored");
  const error = (execution().outcome as { error: { code: string; message: string } }).error;
  expect([execution().status, error.code]).toEqual(["failed", "broken"]);
  expect(error.message).toStartWith("\\u001b[31mé");
  expect(Buffer.byteLength(error.message)).toBeLessThanOrEqual(limits.errorMessageBytesMax);
  expect(error.message).toEndWith("é");
});

test("a code by which Sate ends executions is not taken for Sate's", async () => {
  const { worker, run, execution } = await running();
  await worker.finish(run, { error: { code: "timeout", message: "" } });
  expect(execution()).toMatchObject({ outcome: { error: { code: "processor_timeout", message: "" } } });
});

describe("with retries", () => {
  test("an error leads to another try after a pause, until none is left", async () => {
    const { gateway, worker, run, execution } = await running({ retry });
    let last = run;
    for (let number = 1; number <= 3; number++) {
      expect(last.try).toBe(number);
      const answer = await worker.finish(last, { error: { code: "busy", message: `try ${number}` } });
      expect(statusOf(answer)).toBe(number < 3 ? "retrying" : "stored");
      if (number === 3) break;
      expect(execution()).toMatchObject({ status: "queued", tries: number });
      gateway.requests.become(run.request_id, "queued", { start_after: undefined as never });
      last = await claimedRun(worker);
    }
    expect(execution()).toMatchObject({
      status: "failed",
      outcome: { tries: 3, error: { code: "busy", message: "try 3" } },
    });
  });

  test("the call may be repeated: it requeues once, and a late one changes nothing", async () => {
    const { gateway, worker, run, execution } = await running({ retry: { ...retry, tries: 2 } });
    const error = { code: "busy", message: "" };
    expect(statusOf(await worker.finish(run, { error }))).toBe("retrying");
    expect(statusOf(await worker.finish(run, { error }))).toBe("retrying");
    expect(execution()).toMatchObject({ status: "queued", tries: 1 });
    gateway.requests.become(run.request_id, "queued", { start_after: undefined as never });
    const second = await claimedRun(worker);
    expect(statusOf(await worker.finish(run, { error }))).toBe("refused");
    expect(execution()).toMatchObject({ status: "running", epoch: 2 });
    expect(statusOf(await worker.finish(second, { error }))).toBe("stored");
    expect(statusOf(await worker.finish(second, { error }))).toBe("stored");
  });

  test.each([
    { code: "hopeless", message: "", retryable: false },
    { code: "outputs_too_large", message: "" },
    { code: "invalid_input", message: "", retryable: true },
  ])("an error that the next try would repeat fails the execution: %j", async (error) => {
    const { worker, run, execution } = await running({ retry });
    expect(statusOf(await worker.finish(run, { error }))).toBe("stored");
    expect(execution()).toMatchObject({ status: "failed", tries: 0, outcome: { tries: 1 } });
  });
});

test("a run whose cancellation was requested ends as cancelled, unless it succeeded first", async () => {
  const { gateway, worker, run, id, execution } = await running({ retry });
  const cancel = (request: string, of: string) =>
    gateway.post(`/requests/${request}/executions/${of}/cancel`);
  await cancel(id, run.execution_id);
  expect(statusOf(await worker.finish(run, { error: { code: "stopped", message: "" } }))).toBe("stored");
  expect(execution()).toMatchObject({ status: "cancelled", outcome: { error: { code: "cancelled" } } });
  const other = await queued(gateway);
  const second = await claimedRun(worker);
  await cancel(other, second.execution_id);
  await worker.finish(second, { outputs: 1 });
  expect(gateway.requests.last(other).status).toBe("succeeded");
});

test("a worker cannot finish a run of another worker, even if it knows the ids", async () => {
  const { gateway, run, execution } = await running({ retry });
  const other = await remoteWorker(gateway);
  expect(statusOf(await other.finish(run, { outputs: 1 }))).toBe("refused");
  expect(statusOf(await other.finish(run, { error: { code: "a", message: "" } }))).toBe("refused");
  expect(execution()).toMatchObject({ status: "running", epoch: 1 });
});

test("a worker cannot finish a run of another worker by guessing its epoch before it begins", async () => {
  const gateway = testGateway();
  const [worker, other] = [await remoteWorker(gateway), await remoteWorker(gateway)];
  const id = await queued(gateway);
  const { id: execution_id } = gateway.requests.last(id);
  const guessed = { request_id: id, attempt: 1, execution_id, epoch: 1 } as ClaimedRun;
  gateway.requests.control.before = async (name) => {
    if (name !== "finish") return;
    gateway.requests.control.before = () => {};
    await claimedRun(worker);
  };
  expect(statusOf(await other.finish(guessed, { outputs: "stolen" }))).toBe("refused");
  gateway.requests.control.before = () => {};
  expect(gateway.requests.last(id).status).not.toBe("succeeded");
});

test("a stale epoch is refused, and a run that does not exist is unknown", async () => {
  const { worker, run, execution } = await running();
  expect(statusOf(await worker.finish({ ...run, epoch: 2 }, { outputs: 1 }))).toBe("refused");
  for (const wrong of [{ execution_id: worker.id }, { request_id: worker.id }, { attempt: 2 }]) {
    expect(statusOf(await worker.finish({ ...run, ...wrong }, { outputs: 1 }))).toBe("unknown");
  }
  expect(execution().status).toBe("running");
});

const ofSize = (bytes: number) => "x".repeat(bytes - 2);
test("outputs of the limit are stored whatever BODY_BYTES_MAX says, larger ones are refused", async () => {
  const gateway = testGateway({ bodyBytesMax: 1_000 });
  const worker = await remoteWorker(gateway);
  const id = await queued(gateway);
  const run = await claimedRun(worker);
  const tooLarge = await worker.finish(run, { outputs: ofSize(limits.outputsBytesMax + 1) });
  expect(named(tooLarge)).toEqual([413, "body-too-large"]);
  expect(tooLarge.json.detail).toContain("finish the run with an error");
  expect(gateway.requests.last(id).status).toBe("running");
  expect(statusOf(await worker.finish(run, { outputs: ofSize(limits.outputsBytesMax) }))).toBe("stored");
});

test.each<[name: string, end: object, field: string]>([
  ["neither outputs nor error", {}, "outputs"],
  ["both", { outputs: 1, error: { code: "a", message: "" } }, "outputs"],
  ["an error without a message", { error: { code: "a" } }, "error.message"],
  ["a code that is none", { error: { code: "a b", message: "" } }, "error.code"],
  ["a negative time", { outputs: 1, seconds: -1 }, "seconds"],
  ["an epoch of 0", { outputs: 1, epoch: 0 }, "epoch"],
])("an end is refused: %s", async (_, end, field) => {
  const { worker, run, execution } = await running();
  const answer = await worker.finish(run, end);
  expect([...named(answer), answer.json.field]).toEqual([422, "invalid-body", field]);
  expect(execution().status).toBe("running");
});

test("outputs that are not JSON are refused", async () => {
  const { gateway, worker } = await running();
  const answer = await gateway.post(`/workers/${worker.id}/finish`, '{"outputs":NaN}', json);
  expect(named(answer)).toEqual([400, "malformed-json"]);
});
