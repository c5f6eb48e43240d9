import { afterAll, describe, expect, test } from "bun:test";
import { startRemoteWorker } from "../src/system/remote-worker.ts";
import { sharedSystem } from "../src/system/shared-system.ts";
import { until } from "../src/until.ts";

/** The same work as a module, a Python command, an HTTP endpoint and a remote worker in Python. */

const { system, client } = await sharedSystem();
const remote = await startRemoteWorker(system);
afterAll(remote.stop, 60_000);

const kinds = ["acts-module", "acts-command", "acts-http", "acts-remote"];

async function execute(processor: string, payload: object, body?: object) {
  const requestId = await client.createRequest(payload, processor);
  const { status, json } = await client.execute(requestId, body);
  expect(status).toBe(201);
  const path = `/requests/${requestId}/executions/${json.id}`;
  return {
    requestId,
    executionId: json.id,
    path,
    state: async () => (await client.get(path)).json,
    result: async () => (await client.results(requestId))[0],
  };
}

describe.each(kinds)("%s", (processor) => {
  // An endpoint cannot report progress or a log.
  const reports = processor !== "acts-http";

  test("returns outputs, and the result names the processor, its version and the number of tries", async () => {
    const { result, state } = await execute(processor, { do: "succeed", big: 1 });
    expect(await result()).toMatchObject({
      is_success: true,
      outputs: { did: { do: "succeed", big: 1 }, try: 1 },
      processor,
      processor_version: expect.stringMatching(/./),
      tries: 1,
    });
    expect(await state()).toMatchObject({ status: "succeeded", processor, runs: 1, lost: 0, tries: 1 });
  }, 60_000);

  test("reports a failure of its own, which is not retried if it says so", async () => {
    const { result } = await execute(processor, { do: "fail" });
    const error = { code: "refused", message: "It was told to fail." };
    expect(await result()).toMatchObject({ is_success: false, outputs: {}, error, tries: 1 });
  }, 60_000);

  test("is retried within one execution, and the result says how many tries there were", async () => {
    const { result, state } = await execute(processor, { do: "retry" });
    expect(await result()).toMatchObject({ is_success: true, outputs: { try: 3 }, tries: 3 });
    expect(await state()).toMatchObject({ attempt: 1, runs: 3, lost: 0, tries: 3 });
  }, 60_000);

  test("fails as timeout when the client's deadline passes", async () => {
    const { result } = await execute(processor, { do: "hang" }, { timeout_seconds: 1 });
    expect(await result()).toMatchObject({ is_success: false, error: { code: "timeout" } });
  }, 60_000);

  test("shows progress and its log while it runs, and is cancelled", async () => {
    const { path, state, result } = await execute(processor, { do: "hang" });
    await until("it runs", 30_000, async () => (await state()).status === "running");
    if (reports) {
      const isReported = async () => (await state()).progress !== undefined;
      await until("its progress can be read", 30_000, isReported);
      expect((await state()).progress).toEqual({ fraction: 0.5, message: "half of it" });
      const log = () => client.get(`${path}/log`);
      await until("its log can be read", 30_000, async () => (await log()).text.includes("told to hang"));
      expect((await log()).headers.get("content-type")).toStartWith("text/plain");
    }
    expect((await client.post(`${path}/cancel`)).status).toBe(202);
    expect(await result()).toMatchObject({ is_success: false, error: { code: "cancelled" } });
    expect((await state()).status).toBe("cancelled");
  }, 60_000);

  test("is listed with its limits and the workers that serve it", async () => {
    const { json } = await client.get(`/processors/${processor}`);
    expect(json).toMatchObject({
      name: processor,
      kind: processor.slice("acts-".length),
      workers: expect.arrayContaining([expect.objectContaining({ id: expect.any(String) })]),
    });
  });
});

test("a payload that does not match the input schema is refused with pointers, and nothing is stored", async () => {
  for (const processor of ["acts-module", "acts-command"]) {
    const before = (await client.get("/requests?limit=1")).text;
    const { status, json } = await client.post("/requests", { payload: { do: 1 }, processor });
    expect([status, json.type]).toEqual([422, "urn:sate:problem:invalid-payload"]);
    expect(json.errors).toContainEqual({ pointer: "/do", detail: expect.stringMatching(/./) });
    expect((await client.get("/requests?limit=1")).text).toBe(before);
  }
});
