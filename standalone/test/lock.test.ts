import { afterEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { lockFolder } from "../src/lock.ts";

const folder = mkdtempSync(join(tmpdir(), "sate-lock-"));
let child: Bun.Subprocess<"ignore", "pipe", "inherit"> | undefined;
afterEach(() => {
  child?.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});

const holder = `
  const { lockFolder } = await import(${JSON.stringify(join(import.meta.dir, "../src/lock.ts"))});
  globalThis.lock = lockFolder(${JSON.stringify(folder)});
  console.log(lock.kind);
  setInterval(() => {}, 1_000);
`;

test("a folder is locked by one process, and free again when it was killed", async () => {
  child = Bun.spawn([process.execPath, "-e", holder], { stdout: "pipe" });
  const reader = child.stdout.getReader();
  expect(new TextDecoder().decode((await reader.read()).value).trim()).toBe("locked");
  expect(lockFolder(folder)).toEqual({ kind: "taken", pid: String(child.pid) });
  child.kill("SIGKILL");
  await child.exited;
  const lock = lockFolder(folder);
  expect(lock.kind).toBe("locked");
  if (lock.kind === "locked") lock.release();
});
