/**
 * Preloaded by tests into a process of Sate: `BUN_OPTIONS=--preload=<this file>`.
 *
 * CLOCK_FILE contains the milliseconds by which its wall clock is shifted, at most half a second after they were written.
 * The monotonic clock is not changed.
 *
 * A failpoint is armed while the folder SATE_FAILPOINTS contains a file of its name, which contains its mode. The first
 * process that reaches it renames the file to `<name>@<pid>`. So it fires once, not again after a restart, and a test
 * can check whether it fired and in which process.
 */
import { existsSync, readFileSync, renameSync } from "node:fs";
import { join } from "node:path";

/** `kill`: SIGKILL. `delay`: blocks the process for a second. `error`: throws. */
export type Mode = "kill" | "delay" | "error";

const clockFile = Bun.env.CLOCK_FILE;
const folder = Bun.env.SATE_FAILPOINTS;
const clockEveryMs = 500;
const delayMs = 1_000;

if (clockFile) {
  let offsetMs = 0;
  const trueNow = Date.now;
  Date.now = () => trueNow() + offsetMs;
  globalThis.Date = new Proxy(Date, {
    construct: (target, given, newTarget) =>
      Reflect.construct(target, given.length === 0 ? [Date.now()] : given, newTarget),
    apply: () => new Date().toString(),
  });
  const look = () => {
    offsetMs = existsSync(clockFile) ? Number(readFileSync(clockFile, "utf8")) || 0 : 0;
  };
  look();
  setInterval(look, clockEveryMs).unref();
}

if (folder) {
  (globalThis as { sateFailpoint?: (name: string) => void }).sateFailpoint = (name) => {
    const armed = join(folder, name);
    if (!existsSync(armed)) return;
    const fired = `${armed}@${process.pid}`;
    try {
      renameSync(armed, fired);
    } catch {
      return; // Another process was first.
    }
    const mode = readFileSync(fired, "utf8") as Mode;
    if (mode === "error") throw new Error(`The failpoint ${name} was told to fail.`);
    if (mode === "kill") process.kill(process.pid, "SIGKILL");
    // After SIGKILL nothing may happen until the signal arrives.
    Bun.sleepSync(delayMs);
  };
}
