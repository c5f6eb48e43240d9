import { type ChildProcess, spawn } from "node:child_process";
import { openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";

export type Announced = { name: string; pid: number; port: number };

/** A system as its processes, whatever becomes of them. */
export type Started = {
  /** All that were ever started, each as last announced. */
  announced: Map<string, Announced>;
  /** How often a process of this name was started. */
  starts: Map<string, number>;
  /** How processes have ended so far: an exit code or the name of a signal, in order. */
  ends: { name: string; how: string }[];
  hasEnded(): boolean;
  /** The last that was said, for whoever wants to know why it did not start. */
  lastWords(): string;
  stop(): Promise<void>;
};

type Environment = Record<string, string | undefined>;

export const root = join(import.meta.dir, "../../..");
const pauseMs = 50;
const stopMs = 60_000;

/**
 * Standalone under a supervisor, as its users run it on a server: it is started again. After an exit code of its own
 * only where `survives` says so.
 */
export function keepStandalone(env: Environment, port: number, logFile: string, survives: boolean): Started {
  const install = [process.execPath, "install", "--cwd", "standalone", "--frozen-lockfile", "--silent"];
  const { success, stderr } = Bun.spawnSync(install, { cwd: root });
  if (!success) throw new Error(`what standalone needs could not be installed: ${stderr}`);
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
      seen.ends.push({ name: "standalone", how: signal ?? String(code) });
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

/** `name pid port` lines come whenever a process was started; the others are for people. */
export function runCluster(env: Environment): Started {
  const seen = watchStarts();
  const said: string[] = [];
  const child = started("cluster/src/main.ts", env, "pipe");
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream as NodeJS.ReadableStream }).on("line", (line) => {
      const [, ended, how] = /^([a-z][a-z0-9-]*) (?:ended with|was ended by) (\w+)/.exec(line) ?? [];
      if (ended && how) seen.ends.push({ name: ended, how });
      const [, name, pid, port] = /^([a-z][a-z0-9-]*) (\d+) (\d+)$/.exec(line) ?? [];
      if (name) seen.start(name, Number(pid), Number(port));
      else said.push(line);
    });
  }
  return { ...seen, hasEnded: () => isOver(child), lastWords: () => lastOf(said), stop: () => end(child) };
}

export function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
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
  const starts = new Map<string, number>();
  const ends: Started["ends"] = [];
  return {
    announced,
    starts,
    ends,
    start(name: string, pid: number, port: number) {
      announced.set(name, { name, pid, port });
      starts.set(name, (starts.get(name) ?? 0) + 1);
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
