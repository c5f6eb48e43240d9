import { existsSync, readFileSync, renameSync } from "node:fs";
import { join } from "node:path";

/**
 * - kill: SIGKILL, at once.
 * - delay: the whole process stands still for a second.
 * - error: throws.
 */
export type Mode = "kill" | "delay" | "error";

const delayMs = 1_000;
const folder = Bun.env.SATE_FAILPOINTS;

/**
 * What the failpoints of this process do: one is armed while a file of its name stands in the folder SATE_FAILPOINTS,
 * with its mode in it. Whoever comes by first renames the file to `<name>@<pid>`, so that each fires once, a process
 * that is started again goes past it, and a test can tell that it did fire, and where.
 */
if (folder) {
  (globalThis as { sateFailpoint?: (name: string) => void }).sateFailpoint = (name) => {
    const armed = join(folder, name);
    if (!existsSync(armed)) return;
    const fired = `${armed}@${process.pid}`;
    try {
      renameSync(armed, fired);
    } catch {
      return; // Another process was there first.
    }
    act(name, readFileSync(fired, "utf8") as Mode);
  };
}

function act(name: string, mode: Mode): void {
  switch (mode) {
    case "kill":
      process.kill(process.pid, "SIGKILL");
      // The signal is on its way: nothing may happen until it comes.
      Bun.sleepSync(delayMs);
      return;
    case "delay":
      Bun.sleepSync(delayMs);
      return;
    case "error":
      throw new Error(`The failpoint ${name} was told to fail.`);
    default:
      throw new Error(`The failpoint ${name} has the mode ${mode}, which is none.`);
  }
}
