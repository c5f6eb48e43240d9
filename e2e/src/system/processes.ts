import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";

export type Announced = { name: string; pid: number; port: number };

/** The processes of a system, from start to stop. */
export type Processes = {
  /** Every process that was ever started, as last announced. */
  announced(): Announced[];
  /** How many times a process of each name was started. */
  starts(): Record<string, number>;
  /** How processes of this name have ended so far, in order: an exit code or the name of a signal. */
  ends(name: string): string[];
  /** Whether the whole system has ended, which only `stop` should do. */
  hasEnded(): boolean;
  /** The last lines of its output, which say why it did not start. */
  lastWords(): string;
  stop(): Promise<void>;
};

type Environment = Record<string, string | undefined>;

export const root = join(import.meta.dir, "../../..");
const pauseMs = 50;
const stopMs = 60_000;

/** Standalone under a supervisor, which starts it again; after an exit code other than 0 only if it `survives`. */
export function keepStandalone(
  env: Environment,
  port: number,
  logFile: string,
  survives: boolean,
): Processes {
  const install = [process.execPath, "install", "--cwd", "standalone", "--frozen-lockfile", "--silent"];
  const { success, stderr } = Bun.spawnSync(install, { cwd: root });
  if (!success) throw new Error(`the dependencies of standalone could not be installed: ${stderr}`);
  const log = openSync(logFile, "a");
  const seen = watchStarts();
  let isStopping = false;
  let hasFailed = false;
  let child: ChildProcess;
  const start = () => {
    if (isStopping) return;
    child = started("standalone/src/main.ts", env, log);
    seen.start("standalone", child.pid as number, port);
    child.once("exit", (code, signal) => {
      seen.end("standalone", signal ?? String(code));
      hasFailed ||= !survives && code !== null && code !== 0;
      if (!hasFailed) setTimeout(start, pauseMs);
    });
  };
  start();
  return {
    ...seen,
    hasEnded: () => hasFailed,
    lastWords: () => lastOf(readFileSync(logFile, "utf8").trim().split("\n")),
    async stop() {
      isStopping = true;
      await end(child);
    },
  };
}

/** Cluster prints `name pid port` for each process that it starts. Other lines are for people. */
export function runCluster(env: Environment): Processes {
  const seen = watchStarts();
  const said: string[] = [];
  const child = started("cluster/src/main.ts", env, "pipe");
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream as NodeJS.ReadableStream }).on("line", (line) => {
      const [, ended, how] = /^([a-z][a-z0-9-]*) (?:ended with|was ended by) (\w+)/.exec(line) ?? [];
      if (ended && how) seen.end(ended, how);
      const [, name, pid, port] = /^([a-z][a-z0-9-]*) (\d+) (\d+)$/.exec(line) ?? [];
      if (name) seen.start(name, Number(pid), Number(port));
      else said.push(line);
    });
  }
  return { ...seen, hasEnded: () => isOver(child), lastWords: () => lastOf(said), stop: () => end(child) };
}

/** Sends a signal, 0 for none. Returns whether the process exists. */
export function signal(pid: number, name: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, name);
  } catch {
    return false;
  }
}

/** Whether a process runs or is stopped. A zombie does not count. */
export const isAlive = (pid: number): boolean => signal(pid, 0) && startOf(pid) !== null;

/**
 * When a process was started, in ticks since the machine was, so that it can be told from a later one with the same id;
 * 0 where there is no /proc. Null if it has ended.
 */
export function startOf(pid: number): number | null {
  if (!existsSync("/proc/self/stat")) return signal(pid, 0) ? 0 : null;
  const fields = statOf(pid);
  return fields === null || fields[0] === "Z" || fields[0] === "X" ? null : Number(fields[19]);
}

/** The CPU time that a process has used, with that of its ended children. 0 if it has ended. */
export function cpuMsOf(pid: number): number {
  const times = statOf(pid)?.slice(11, 15) ?? [];
  return times.reduce((sum, ticks) => sum + Number(ticks) * tickMs, 0);
}

const tickMs = 10;

/** The fields from the state on. https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html */
function statOf(pid: number): string[] | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "latin1");
    return text.slice(text.lastIndexOf(")") + 2).split(" ");
  } catch {
    return null;
  }
}

/** Resident memory. Undefined where there is no /proc, or the process has ended. */
export function residentBytes(pid: number): number | undefined {
  try {
    const [, kib] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
    return kib === undefined ? undefined : Number(kib) * 1_024;
  } catch {
    return undefined;
  }
}

/** Proportional set size: shared memory is divided among its users. Undefined as above, and for other users' processes. */
export function proportionalBytes(pid: number): number | undefined {
  try {
    const [, kib] = /^Pss:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8")) ?? [];
    return kib === undefined ? undefined : Number(kib) * 1_024;
  } catch {
    return undefined;
  }
}

function started(main: string, env: Environment, output: "pipe" | number): ChildProcess {
  return spawn(process.execPath, [join(root, main)], {
    env: env as NodeJS.ProcessEnv,
    cwd: root,
    stdio: ["ignore", output, output],
  });
}

function watchStarts() {
  const announced = new Map<string, Announced>();
  const starts: Record<string, number> = {};
  const ends: { name: string; how: string }[] = [];
  return {
    announced: () => [...announced.values()],
    starts: () => starts,
    ends: (name: string) => ends.filter((end) => end.name === name).map(({ how }) => how),
    end: (name: string, how: string) => void ends.push({ name, how }),
    start(name: string, pid: number, port: number) {
      announced.set(name, { name, pid, port });
      starts[name] = (starts[name] ?? 0) + 1;
    },
  };
}

const lastOf = (lines: string[]) => lines.slice(-5).join(" / ");

const isOver = ({ exitCode, signalCode }: ChildProcess) => exitCode !== null || signalCode !== null;

async function end(child: ChildProcess): Promise<void> {
  if (isOver(child)) return;
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), stopMs);
  await ended;
  clearTimeout(timer);
}
