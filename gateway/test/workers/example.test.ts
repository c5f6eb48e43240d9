import { afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { until } from "@sate/contracts/test/until.ts";
import { type TestGateway, testGateway } from "../support/gateway.ts";
import { listen } from "../support/listen.ts";
import { queued } from "../support/worker.ts";

// Its deadlines are those of `until`.
setDefaultTimeout(60_000);

const script = join(import.meta.dir, "../../../examples/remote-worker/worker.py");
const python = Bun.which("python3");

let gateway: TestGateway;
const children: Bun.Subprocess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  gateway.app.server?.stop(true);
});

const processors = () => gateway.requests.processors;
const workerIds = () => [...processors().workers.keys()];

async function started(work = "") {
  gateway = testGateway();
  processors().lease.seconds = 0.6;
  const port = listen(gateway);
  // As a user changes it: another `work`.
  const text = (await Bun.file(script).text()).replace(/^ {4}return \{letter.*$/m, (line) => work || line);
  const child = Bun.spawn([python as string, "-c", text], {
    env: { SATE_URL: `http://127.0.0.1:${port}` },
    stderr: "pipe",
  });
  children.push(child);
  await until("it is registered", () => workerIds().length === 1);
  const run = async (payload: string) => {
    const id = await queued(gateway, "letter-count", payload);
    return { id, last: () => gateway.requests.last(id) };
  };
  return { child, run };
}

describe.skipIf(python === null)("the worker in Python", () => {
  test("runs one execution after another", async () => {
    const { run } = await started();
    for (const [payload, outputs] of [
      ['{"text":"banana"}', '{"a": 3, "b": 1, "n": 2}'],
      ['{"text":"üü😀"}', '{"\\u00fc": 2, "\\ud83d\\ude00": 1}'],
    ] as const) {
      const { last } = await run(payload);
      await until("it has ended", () => last().status === "succeeded");
      expect(last().outcome).toMatchObject({ outputs_json: outputs });
    }
    const { last } = await run('{"text":5}');
    await until("it has ended", () => last().status === "failed");
    expect(last().outcome).toMatchObject({
      error: { code: "failed", message: expect.stringContaining("TypeError") },
    });
  });

  test("outputs that are not accepted fail the execution", async () => {
    const { run } = await started("    return 'x' * 600000 if payload['text'] else float('nan')");
    for (const payload of ['{"text":"large"}', '{"text":""}']) {
      const { last } = await run(payload);
      await until("it has ended", () => last().status === "failed");
    }
  });

  const waits = "    if stop.wait(20): raise InterruptedError";
  test("sends heartbeats while it works, and stops when the execution is cancelled", async () => {
    const { run } = await started(waits);
    const { id, last } = await run('{"text":""}');
    await until("it runs", () => last().status === "running");
    const [worker] = processors().workers.values();
    const beats = worker?.beats ?? 0;
    await until("it has sent heartbeats", () => (worker?.beats ?? 0) > beats + 2);
    expect(last().status).toBe("running");
    await gateway.post(`/requests/${id}/executions/${last().id}/cancel`);
    await until("it has stopped", () => last().status === "cancelled");
  });

  test("after its lease has expired it stops, registers again and goes on", async () => {
    const { run } = await started(waits);
    const { last } = await run('{"text":""}');
    await until("it runs", () => last().status === "running");
    const [id = ""] = workerIds();
    Object.assign(processors().workers.get(id) as object, { isGone: true });
    await until("it is registered again", () => workerIds().length > 0 && !workerIds().includes(id));
    Object.assign(last(), { status: "queued", worker_id: undefined });
    await until("it runs again", () => last().epoch === 2);
  });

  test("SIGTERM ends it at once, and leaves its run to others", async () => {
    const { child, run } = await started(waits);
    const { last } = await run('{"text":""}');
    await until("it runs", () => last().status === "running");
    child.kill("SIGTERM");
    expect([await child.exited, await new Response(child.stderr as ReadableStream).text()]).toEqual([0, ""]);
    expect([workerIds(), last().status]).toEqual([[], "queued"]);
  });
});

test("the worker in Python has fewer than 60 lines", async () => {
  expect((await Bun.file(script).text()).trimEnd().split("\n").length).toBeLessThan(60);
});
