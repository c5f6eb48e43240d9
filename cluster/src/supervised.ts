import { inTime } from "./deadline.ts";
import { afterCheck, atStart, type Health, type HealthRules, nextCheckMs } from "./health.ts";
import type { Output } from "./output.ts";
import { backoffMs, isStartedAgain, type RestartPolicy } from "./restart.ts";

export type Task = {
  name: string;
  port: number;
  command: string[];
  cwd?: string;
  env: Record<string, string | undefined>;
  restart: RestartPolicy;
  health: HealthRules;
  /** Whether it is well; a check that takes longer than `health.timeoutMs` counts as failed. */
  check: () => Promise<boolean>;
  /** Holds its standard input open: it ends when we do, however we end. */
  hasInput: boolean;
  output: Output;
};

export type Supervised = {
  name: string;
  health: () => Health["state"];
  /** The exit code after which the policy did not start it again. */
  leftAlone: Promise<number>;
  /** SIGTERM, and SIGKILL if it is still there after the deadline. Safe at any time, and twice. */
  stop: (deadlineMs: number) => Promise<void>;
};

export type Reports = {
  started: (name: string, pid: number, port: number) => void;
  said: (sentence: string) => void;
  /** Asked before each start, and again a little later while the answer is no. */
  mayStart?: () => boolean;
};

const askAgainMs = 200;

/** An exit code of sysexits.h: the configuration is wrong, which no second start can mend. */
export const configurationExit = 78;

/**
 * Runs a process and starts it again when it ends, as its policy says. It is *running*, or *pausing* before the next
 * start (longer after each one that did not become healthy), until it is stopped or left alone.
 */
export function supervise(task: Task, { started, said, mayStart = () => true }: Reports): Supervised {
  const { name, output } = task;
  const stopping = Promise.withResolvers<void>();
  const leftAlone = Promise.withResolvers<number>();
  let isStopping = false;
  let health: Health = atStart;
  let child: Bun.Subprocess | undefined;

  async function run(): Promise<void> {
    for (let tries = 0; !isStopping; tries++) {
      while (!mayStart() && !isStopping) await inTime(stopping.promise, askAgainMs);
      if (isStopping) break;
      child = start();
      const startedAt = performance.now();
      health = atStart;
      const end = Promise.withResolvers<void>();
      const watching = watch(startedAt, end.promise);
      const exitCode = await child.exited;
      end.resolve();
      if (await watching) tries = 0;
      if (isStopping) break;
      health = { ...atStart, state: "unhealthy" };
      const isOver = exitCode === configurationExit || !isStartedAgain(task.restart, exitCode, tries);
      const how = child.signalCode ? `was ended by ${child.signalCode}` : `ended with ${exitCode}`;
      if (isOver) {
        said(`${name} ${how} and is not started again; its log: ${output.where}`);
        leftAlone.resolve(exitCode);
        break;
      }
      const pauseMs = backoffMs(tries);
      said(`${name} ${how}; it is started again in ${pauseMs / 1_000} s (its log: ${output.where})`);
      await inTime(stopping.promise, pauseMs);
    }
  }

  function start(): Bun.Subprocess {
    const begun = Bun.spawn(task.command, {
      ...(task.cwd && { cwd: task.cwd }),
      env: task.env,
      stdin: task.hasInput ? "pipe" : "ignore",
      stdout: output.stdio,
      stderr: output.stdio,
    });
    if (begun.stdout instanceof ReadableStream) void output.pass(begun.stdout);
    if (begun.stderr instanceof ReadableStream) void output.pass(begun.stderr);
    started(name, begun.pid, task.port);
    return begun;
  }

  /** Checks until the process ends; answers whether it was healthy at some time. */
  async function watch(startedAt: number, end: Promise<void>): Promise<boolean> {
    const ageMs = () => performance.now() - startedAt;
    let hasEnded = false;
    let wasHealthy = false;
    void end.then(() => {
      hasEnded = true;
    });
    while (!hasEnded) {
      await inTime(end, nextCheckMs(health, ageMs(), task.health));
      if (hasEnded) break;
      const isGood =
        (await inTime(Promise.race([task.check(), end.then(() => false)]), task.health.timeoutMs)) === true;
      if (hasEnded) break;
      const before = health.state;
      health = afterCheck(health, isGood, ageMs(), task.health);
      wasHealthy ||= health.state === "healthy";
      if (health.state === "unhealthy" && before !== "unhealthy") said(`${name} does not answer well`);
      if (health.state === "healthy" && before === "unhealthy") said(`${name} is well again`);
      output.tidy();
    }
    return wasHealthy;
  }

  const running = run();
  let stopped: Promise<void> | undefined;
  async function stop(deadlineMs: number): Promise<void> {
    isStopping = true;
    stopping.resolve();
    child?.kill("SIGTERM");
    // A process that was frozen meets its signal only when it goes on.
    child?.kill("SIGCONT");
    const kill = setTimeout(() => child?.kill("SIGKILL"), deadlineMs);
    await running;
    clearTimeout(kill);
    output.close();
  }

  return {
    name,
    health: () => health.state,
    leftAlone: leftAlone.promise,
    stop(deadlineMs) {
      stopped ??= stop(deadlineMs);
      return stopped;
    },
  };
}
