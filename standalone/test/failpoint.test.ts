import { expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A process that passes the failpoint `here` twice. Answers how it ended and what it had said by then. */
async function pass(env: Record<string, string>) {
  const path = join(import.meta.dir, "../src/failpoint.ts");
  const script = `const { failpoint } = await import(${JSON.stringify(path)});
    for (const turn of [1, 2]) { failpoint("here"); console.log(turn); }`;
  const child = Bun.spawn([process.execPath, "-e", script], {
    env: { PATH: process.env.PATH, ...env },
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, err] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  await child.exited;
  return { out, err, code: child.exitCode, signal: child.signalCode };
}

const build = { SATE_TEST_BUILD: "1" };

test("kill ends the process on the spot, once: whoever is started again goes past it", async () => {
  const folder = mkdtempSync(join(tmpdir(), "sate-failpoint-"));
  try {
    const log = join(folder, "fired");
    const env = { ...build, SATE_FAILPOINT: "there:error,here:kill", SATE_FAILPOINT_LOG: log };
    expect(await pass(env)).toMatchObject({ out: "", signal: "SIGKILL" });
    expect(readFileSync(log, "utf8")).toStartWith("here kill ");
    expect(await pass(env)).toMatchObject({ out: "1\n2\n", code: 0 });
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("error throws, delay halts, and both say so on stderr", async () => {
  const error = await pass({ ...build, SATE_FAILPOINT: "here:error" });
  expect(error).toMatchObject({ out: "", code: 1 });
  expect(error.err).toContain("failpoint here error");
  const start = performance.now();
  const delay = await pass({ ...build, SATE_FAILPOINT: "here:delay" });
  expect(delay).toMatchObject({ out: "1\n2\n", code: 0 });
  expect(performance.now() - start).toBeGreaterThan(1_000);
});

test("outside of a test build, and in production, it is nothing", async () => {
  const env = { SATE_FAILPOINT: "here:kill" };
  expect(await pass(env)).toMatchObject({ out: "1\n2\n", code: 0 });
  expect(await pass({ ...env, ...build, NODE_ENV: "production" })).toMatchObject({ out: "1\n2\n", code: 0 });
});

test("a failpoint that cannot be understood is a mistake, not nothing", async () => {
  const { code, err } = await pass({ ...build, SATE_FAILPOINT: "here:explode" });
  expect(code).toBe(1);
  expect(err).toContain("SATE_FAILPOINT");
});
