import { existsSync, readFileSync } from "node:fs";

const everyMs = 1_000;

/**
 * The processes from our parent up to the `npm` that started us (`npx -y bun run …`), all in our process group. Empty
 * if there is no such npm, or no /proc (outside of Linux).
 */
export function launchers(): number[] {
  const group = statOf(process.pid)?.group;
  const above: number[] = [];
  for (let pid = process.ppid; ; ) {
    const stat = statOf(pid);
    if (!stat || stat.group !== group) return [];
    above.push(pid);
    if (stat.name.startsWith("npm")) return above;
    pid = stat.parent;
  }
}

/**
 * Calls `ended` once when one of the processes has ended. npm does not forward signals (npm/cli#6684), so ending it
 * would leave this process running unseen, holding its port and data.
 */
export function onceAnyEnds(pids: number[], ended: () => void): void {
  if (pids.length === 0) return;
  const timer = setInterval(() => {
    if (pids.every(isRunning)) return;
    clearInterval(timer);
    ended();
  }, everyMs);
  timer.unref();
}

/** A zombie has ended, though its parent has not asked for its exit code yet. */
function isRunning(pid: number): boolean {
  if (existsSync("/proc/self/stat")) return !/[ZX]/.test(statOf(pid)?.state ?? "X");
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

function statOf(pid: number) {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    const [, name = "", state = "", parent, group] = /\((.*)\) (\w) (\d+) (\d+)/s.exec(text) ?? [];
    return { name, state, parent: Number(parent), group: Number(group) };
  } catch {
    return undefined;
  }
}
