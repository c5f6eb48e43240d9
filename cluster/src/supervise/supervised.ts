import { inTime } from "./deadline.ts";
import type { LogFile } from "./log-file.ts";

export type Program = {
  name: string;
  port: number;
  command: string[];
  cwd?: string;
  env: Record<string, string | undefined>;
  /** It ends when its standard input closes, and so with this process, however that ends. */
  hasInput: boolean;
  /** Asked again and again. One that takes longer than two seconds counts as no. */
  isReady: () => Promise<boolean>;
};

/** How a process ended. `failedStarts` counts the starts in a row after which it never became ready. */
export type Exit = { code: number; how: string; failedStarts: number };

export type Rules = {
  /** Where its output goes: a file, or our own standard error. */
  log?: LogFile;
  restarts: (exit: Exit) => boolean;
  /** Asked before each start, and again a little later while it is false. */
  mayStart?: () => boolean;
  started: (name: string, pid: number, port: number) => void;
  /** Receives sentences for a person. */
  said: (sentence: string) => void;
};

export type Supervised = {
  isReady: () => boolean;
  /** Resolves when the process has ended and is not started again. */
  ended: Promise<Exit>;
  /** SIGTERM, then SIGKILL if it is still there after the deadline. Safe at any time, and twice. */
  stop: (deadlineMs: number) => Promise<void>;
  /** SIGKILL to the process and what it has started. */
  kill: () => void;
};

const askAgainMs = 200;
const check = { timeoutMs: 2_000, everyMs: 2_000, untilReadyEveryMs: 200 };
const pauseMs = { first: 500, most: 10_000 };

/**
 * Runs a process and starts it again when it ends, after half a second, doubling up to ten seconds until it was ready
 * again, so that one that cannot start does not take the whole machine.
 */
export function supervise(program: Program, rules: Rules): Supervised {
  const { name } = program;
  const { log, said, mayStart = () => true } = rules;
  const stopping = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<Exit>();
  const logged = log ? ` (its log: ${log.path})` : "";
  let isStopping = false;
  let isReady = false;
  let child: Bun.Subprocess | undefined;

  async function run(): Promise<void> {
    for (let failedStarts = 0; ; ) {
      while (!isStopping && !mayStart()) await inTime(stopping.promise, askAgainMs);
      if (isStopping) return;
      child = start();
      const wasReady = await watch(child);
      isReady = false;
      if (isStopping) return;
      failedStarts = wasReady ? 0 : failedStarts + 1;
      const how = child.signalCode ? `was ended by ${child.signalCode}` : `ended with ${child.exitCode}`;
      const exit = { code: child.exitCode ?? 1, how, failedStarts };
      if (!rules.restarts(exit)) {
        said(`${name} ${how} and is not started again${logged}`);
        return ended.resolve(exit);
      }
      const pause = Math.min(pauseMs.first * 2 ** Math.max(0, failedStarts - 1), pauseMs.most);
      said(`${name} ${how}; it is started again in ${pause / 1_000} s${logged}`);
      await inTime(stopping.promise, pause);
    }
  }

  /** In a session of its own, so that Ctrl-C reaches this process alone, which stops the others in order. */
  function start(): Bun.Subprocess {
    const output = log?.descriptor ?? 2;
    const { command, cwd, env, hasInput } = program;
    const begun = Bun.spawn(command, {
      ...(cwd && { cwd }),
      env,
      detached: true,
      stdio: [hasInput ? "pipe" : "ignore", output, output],
    });
    rules.started(name, begun.pid, program.port);
    return begun;
  }

  /** Asks until the process ends whether it is ready. Resolves to whether it ever was. */
  async function watch({ exited }: Bun.Subprocess): Promise<boolean> {
    const end = exited.then(() => "ended" as const);
    let wasReady = false;
    for (;;) {
      const answer = program.isReady().catch(() => false);
      const found = await inTime(Promise.race([end, answer]), check.timeoutMs);
      if (found === "ended") return wasReady;
      if (wasReady && !isStopping && isReady !== (found === true))
        said(`${name} is ${isReady ? "not ready" : "ready again"}`);
      isReady = found === true;
      wasReady ||= isReady;
      log?.limit();
      if (await inTime(end, wasReady ? check.everyMs : check.untilReadyEveryMs)) return wasReady;
    }
  }

  function kill(): void {
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    try {
      process.kill(-child.pid, "SIGKILL");
    } catch {
      // It has ended by itself.
    }
  }

  const running = run();
  return {
    isReady: () => isReady,
    ended: ended.promise,
    kill,
    async stop(deadlineMs) {
      isStopping = true;
      stopping.resolve();
      child?.kill("SIGTERM");
      // A frozen process receives the signal only when it goes on.
      child?.kill("SIGCONT");
      const timer = setTimeout(kill, deadlineMs);
      await running;
      clearTimeout(timer);
    },
  };
}
