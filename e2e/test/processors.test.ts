import { afterAll, beforeEach, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Context, logged, seen } from "../src/runs/logged.ts";
import { machineNs, wallToMachineNs } from "../src/runs/monotonic.ts";
import { followRunLog, readRunLog } from "../src/runs/run-log.ts";
import { startEndpoint } from "../src/runs/trial-endpoint.ts";
import { remoteTrial, trials } from "../src/runs/trials.ts";
import { isAlive, signal } from "../src/system/processes.ts";
import { until } from "../src/until.ts";

const folder = mkdtempSync(join(tmpdir(), "sate-processors-"));
const runLog = join(folder, "runs.log");
beforeEach(() => {
  rmSync(runLog, { force: true });
  Bun.env.RUN_LOG = runLog;
});
afterAll(() => rmSync(folder, { recursive: true }));

const context: Context = {
  ...{
    payloadText: '{"a":1.0}',
    requestId: "r",
    executionId: "e",
    epoch: 2,
    attempt: 1,
    try: 1,
    forceError: false,
  },
  signal: new AbortController().signal,
  progress() {},
  log() {},
};

async function run(name: string, more: Partial<Context> = {}): Promise<unknown> {
  const { default: module } = await import(`../processors/${name}.ts`);
  return module.run({ a: 1 }, { ...context, ...more });
}

test("trial processors return the hash of the payload's bytes, or fail as their names say", async () => {
  const sha256 = "c29a44abc114a1d75486434c013102c9e736f526b4fd19658d9492b7b224de6d";
  expect(seen(context)).toEqual({ sha256 });
  expect(await run("trial-fast")).toEqual(seen(context));
  expect(await run("trial-flaky", { attempt: 3 })).toEqual(seen(context));
  expect(await run("pong")).toEqual({ message: "pong" });
  const aborting = new AbortController();
  const hanging = run("trial-hanging", { signal: aborting.signal });
  aborting.abort();
  const failure = { name: "Failure", code: "trial" };
  await expect(hanging).rejects.toMatchObject(failure);
  await expect(run("trial-flaky", { attempt: 2 })).rejects.toMatchObject(failure);
  await expect(run("trial-failing")).rejects.toMatchObject(failure);
  expect(await run("trial-retried", { try: 3 })).toEqual(seen(context));
  await expect(run("trial-retried", { try: 2 })).rejects.toMatchObject(failure);
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
    ...{ execution_id: "e", request_id: "r", epoch: 2, pid: process.pid, host: process.ppid },
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

test("each read of the run log continues after the previous one, line by line", () => {
  const next = followRunLog(runLog);
  const line = (epoch: number) => `${JSON.stringify({ event: "start", epoch })}\n`;
  writeFileSync(runLog, line(1) + line(2).slice(0, 9));
  const epochs = () => next().map(({ epoch }) => epoch);
  expect(epochs()).toEqual([1]);
  writeFileSync(runLog, line(1) + line(2) + line(3));
  expect(epochs()).toEqual([2, 3]);
  expect(epochs()).toEqual([]);
});

test("torture uses every trial processor, and each of them exists", () => {
  const files = readdirSync(join(import.meta.dir, "../processors")).map((name) => name.replace(/\..*/, ""));
  const endpoint = startEndpoint(folder);
  const declared = readdirSync(folder).flatMap((name) => (name.endsWith(".toml") ? [name.slice(0, -5)] : []));
  const known = [...files, ...declared, remoteTrial].filter((name) => name.startsWith("trial-"));
  expect(trials.map(({ name }) => name).toSorted()).toEqual([...new Set(known)].toSorted());
  return endpoint.stop();
});

test("a process that has ended and was not waited for counts as ended", async () => {
  // The shell starts a process and becomes one that never waits for it.
  const child = Bun.spawn(["sh", "-c", "sleep 0.01 & echo $!; exec sleep 60"], { stdout: "pipe" });
  const pid = Number(new TextDecoder().decode((await child.stdout.getReader().read()).value));
  await until("it has ended", 5_000, () => !isAlive(pid));
  // This is known where there is a /proc; elsewhere the parent has to be gone.
  if (existsSync("/proc/self")) expect(signal(pid, 0)).toBe(true);
  expect(isAlive(child.pid)).toBe(true);
  child.kill("SIGKILL");
  await child.exited;
});

// JavaScriptCore cannot compile with so little, and without that Bun calls no C library.
const limited = ["sh", "-c", 'ulimit -d 409600; exec "$@"', "sh"];
test.each([[[]], [limited]])(
  "two processes read the same monotonic clock, the other one %p",
  async (words) => {
    const module = JSON.stringify(join(import.meta.dir, "../src/runs/monotonic.ts"));
    const script = `console.log(String((await import(${module})).machineNs()))`;
    const before = machineNs();
    const child = Bun.spawn([...words, process.execPath, "-e", script], {
      env: { ...process.env, WALL_TO_MACHINE_NS: String(wallToMachineNs()) },
      stdout: "pipe",
    });
    const between = BigInt((await child.stdout.text()).trim());
    expect(between).toBeGreaterThan(before);
    expect(between).toBeLessThan(machineNs());
  },
);
