import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createFailpoints } from "../src/system/failpoints.ts";

const folder = mkdtempSync(join(tmpdir(), "sate-hooks-"));
const failpoints = createFailpoints(join(folder, "failpoints"));
afterAll(() => rmSync(folder, { recursive: true }));

/** Runs a script with the hooks preloaded. Returns how it ended, and its output. */
async function run(script: string, env: Record<string, string>) {
  const child = Bun.spawn([process.execPath, "-e", script], {
    env: { BUN_OPTIONS: `--preload=${join(import.meta.dir, "../src/hooks/preload.ts")}`, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const [out, err] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  await child.exited;
  return { out, err, code: child.exitCode, signal: child.signalCode, pid: child.pid };
}

/** Passes the failpoint `here` twice, as services do. */
const twice = 'for (const turn of [1, 2]) { globalThis.sateFailpoint?.("here"); console.log(turn); }';
const pass = () => run(twice, failpoints.environment);
const passed = { out: "1\n2\n", code: 0 };

test("kill ends the process at once, and only once", async () => {
  failpoints.arm("here", "kill");
  const { out, signal, pid } = await pass();
  expect([out, signal]).toEqual(["", "SIGKILL"]);
  expect([failpoints.isArmed("here"), failpoints.firedIn("here")]).toEqual([false, pid]);
  expect(await pass()).toMatchObject(passed);
});

test("error throws, delay stops the process for a second", async () => {
  failpoints.arm("here", "error");
  const told = expect.stringContaining("The failpoint here was told to fail.");
  expect(await pass()).toMatchObject({ out: "", code: 1, err: told });
  failpoints.arm("here", "delay");
  const start = performance.now();
  expect(await pass()).toMatchObject(passed);
  expect(performance.now() - start).toBeGreaterThan(1_000);
});

test("a failpoint does nothing when it is not armed, or without the hook", async () => {
  failpoints.arm("there");
  failpoints.arm("here");
  failpoints.disarm("here");
  expect(await pass()).toMatchObject(passed);
  expect(await run(twice, {})).toMatchObject(passed);
});

test("the wall clock is off by what its file says, the monotonic clock is not", async () => {
  const file = join(folder, "clock");
  writeFileSync(file, String(3_600_000));
  const script = "console.log(Date.now() - new Date().getTime(), Date.now(), performance.now() < 60_000)";
  const [between, now, isYoung] = (await run(script, { CLOCK_FILE: file })).out.trim().split(" ");
  expect(Math.abs(Number(between))).toBeLessThan(1_000);
  expect(Math.abs(Number(now) - Date.now() - 3_600_000)).toBeLessThan(60_000);
  expect(isYoung).toBe("true");
});
