import { afterAll, beforeEach, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Context, logged } from "../src/runs/logged.ts";
import { machineNs } from "../src/runs/monotonic.ts";
import { readRunLog } from "../src/runs/run-log.ts";

const folder = mkdtempSync(join(tmpdir(), "sate-processors-"));
const runLog = join(folder, "runs.log");
Bun.env.LEASE_SECONDS = "0.02";
beforeEach(() => {
  rmSync(runLog, { force: true });
  Bun.env.RUN_LOG = runLog;
});
afterAll(() => rmSync(folder, { recursive: true }));

const context: Context = {
  payloadText: '{"a":1.0}',
  requestId: "r",
  executionId: "e",
  epoch: 2,
  attempt: 1,
  forceError: false,
  signal: new AbortController().signal,
};

async function run(name: string, more: Partial<Context> = {}): Promise<unknown> {
  const { default: module } = await import(`../processors/${name}.ts`);
  return module.run({ a: 1 }, { ...context, ...more });
}

test("trial processors return the hash of the payload's bytes", async () => {
  const sha256 = createHash("sha256").update('{"a":1.0}').digest("hex");
  for (const name of ["trial-fast", "trial-slow", "trial-exit", "trial-deaf"])
    expect(await run(name)).toEqual({ sha256 });
});

test("each trial processor fails as its name says", async () => {
  const failure = { name: "Failure", code: "trial" };
  await expect(run("trial-flaky", { attempt: 2 })).rejects.toMatchObject(failure);
  expect(await run("trial-flaky", { attempt: 3 })).toHaveProperty("sha256");
  await expect(run("trial-failing")).rejects.toMatchObject(failure);
  await expect(run("trial-throwing")).rejects.toThrow(TypeError);
  const aborting = new AbortController();
  const hanging = run("trial-hanging", { signal: aborting.signal });
  aborting.abort();
  await expect(hanging).rejects.toMatchObject(failure);
  expect(await run("pong")).toEqual({ message: "pong" });
  await expect(run("pong", { forceError: true })).rejects.toMatchObject({
    name: "Failure",
    code: "forced_error",
  });
});

test("each start and end of a run is logged, the start before the handler, the end also when it throws", async () => {
  const one = logged(async () => {
    expect(readRunLog(runLog)).toHaveLength(1);
    throw new Error("broken");
  });
  await expect(one.run(null, context)).rejects.toThrow("broken");
  const lines = readRunLog(runLog);
  expect(lines.map(({ event }) => event)).toEqual(["start", "end"]);
  expect(lines[0]).toEqual({
    event: "start",
    execution_id: "e",
    request_id: "r",
    epoch: 2,
    pid: process.pid,
    monotonic_ns: expect.stringMatching(/^\d+$/),
  });
});

test("a run whose start cannot be logged does not start", async () => {
  Bun.env.RUN_LOG = "/nowhere/runs.log";
  let isRun = false;
  const one = logged(async () => {
    isRun = true;
  });
  await expect(one.run(null, context)).rejects.toThrow();
  expect(isRun).toBe(false);
});

test("two processes read the same monotonic clock", async () => {
  const script = `console.log(String((await import(${JSON.stringify(join(import.meta.dir, "../src/runs/monotonic.ts"))})).machineNs()))`;
  const before = machineNs();
  const child = Bun.spawn([process.execPath, "-e", script], { stdout: "pipe" });
  const between = BigInt((await child.stdout.text()).trim());
  expect(between).toBeGreaterThan(before);
  expect(between).toBeLessThan(machineNs());
});
