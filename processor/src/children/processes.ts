import { existsSync, readdirSync, readFileSync } from "node:fs";

/**
 * Identifies a process group: the id of its leader, and the cookie that all its processes have in their environment.
 */
export type GroupId = { pid: number; cookie: string };

const hasProc = existsSync("/proc/self/stat");

/**
 * The living processes of a group, as targets for `process.kill`: its members, and processes that left it with `setsid`
 * but still carry the cookie. Zombies count as dead. Without /proc, outside Linux, only the group itself can be found.
 */
export function livingOf({ pid, cookie }: GroupId): number[] {
  if (!hasProc) return signal(-pid, 0) ? [-pid] : [];
  const group = String(pid);
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((entry) => {
      const stat = statOf(entry);
      return stat !== null && (stat.group === group || carries(entry, cookie));
    })
    .map(Number);
}

/** Whether a process of ours is alive. */
export function isAlive(pid: number): boolean {
  return signal(pid, 0) && (!hasProc || statOf(String(pid)) !== null);
}

/** Whether a process has children that it has not waited for, except those of its other threads. Linux only. */
export function hasChildren(pid: number): boolean {
  return read(`/proc/${pid}/task/${pid}/children`) !== "";
}

/** Sends a signal. Returns `false` if there is no such process, or none that this process may signal. */
export function signal(target: number, name: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(target, name);
  } catch {
    return false;
  }
}

/** The group of a living process. The name, in parentheses, may contain anything. https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html */
function statOf(entry: string): { group: string } | null {
  const text = read(`/proc/${entry}/stat`);
  const [state = "X", , group = ""] = text.slice(text.lastIndexOf(")") + 2).split(" ", 3);
  return state === "Z" || state === "X" ? null : { group };
}

function carries(entry: string, cookie: string): boolean {
  return `\0${read(`/proc/${entry}/environ`)}\0`.includes(`\0${cookie}\0`);
}

/** Returns `""` if the process has gone or belongs to another user. */
function read(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}
