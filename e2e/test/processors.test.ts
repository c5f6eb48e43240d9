import { afterAll, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Context, logged, seen } from "../src/runs/logged.ts";
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
  ...{ payloadText: '{"a":1.0}', requestId: "r", executionId: "e", epoch: 2, attempt: 1, forceError: false },
  signal: new AbortController().signal,
};

async function run(name: string, more: Partial<Context> = {}): Promise<unknown> {
  const { default: module } = await import(`../processors/${name}.ts`);
  return module.run({ a: 1 }, { ...context, ...more });
}

test("trial processors return the hash of the payload's bytes, or fail as their names say", async () => {
  const sha256 = "c29a44abc114a1d75486434c013102c9e736f526b4fd19658d9492b7b224de6d";
  expect(seen(context)).toEqual({ sha256 });
  for (const name of ["trial-fast", "trial-slow", "trial-exit", "trial-deaf"])
    expect(await run(name)).toEqual(seen(context));
  expect(await run("trial-flaky", { attempt: 3 })).toEqual(seen(context));
  expect(await run("pong")).toEqual({ message: "pong" });
  const aborting = new AbortController();
  const hanging = run("trial-hanging", { signal: aborting.signal });
  aborting.abort();
  const failure = { name: "Failure", code: "trial" };
  await expect(hanging).rejects.toMatchObject(failure);
  await expect(run("trial-flaky", { attempt: 2 })).rejects.toMatchObject(failure);
  await expect(run("trial-failing")).rejects.toMatchObject(failure);
  await expect(run("pong", { forceError: true })).rejects.toMatchObject({ code: "forced_error" });
  await expect(run("trial-throwing")).rejects.toThrow(TypeError);
});

test("each start and end of a run is logged, the start before the handler, the end also when it throws", async () => {
  const one = logged(async () => {
    expect(readRunLog(runLog)).toHaveLength(1);
    throw new Error("broken");
  });
  await expect(one.run(null, context)).rejects.toThrow("broken");
  const line = {
    ...{ execution_id: "e", request_id: "r", epoch: 2, pid: process.pid },
    monotonic_ns: expect.stringMatching(/^\d+$/),
  };
  expect(readRunLog(runLog)).toEqual([
    { event: "start", ...line },
    { event: "end", ...line },
  ]);
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
  const module = JSON.stringify(join(import.meta.dir, "../src/runs/monotonic.ts"));
  const script = `console.log(String((await import(${module})).machineNs()))`;
  const before = machineNs();
  const child = Bun.spawn([process.execPath, "-e", script], { stdout: "pipe" });
  const between = BigInt((await child.stdout.text()).trim());
  expect(between).toBeGreaterThan(before);
  expect(between).toBeLessThan(machineNs());
});
