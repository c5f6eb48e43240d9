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
  /** Called again and again. A rejection, or no result within two seconds, counts as no. */
  isReady: () => Promise<boolean>;
};

/** How a process ended. `failedStarts` counts the starts in a row after which it never became ready. */
type Exit = { code: number; how: string; failedStarts: number };

export type Rules = {
  /** Where its output goes: a file, or our own standard error. */
  log?: LogFile;
  /** From SIGTERM to SIGKILL. */
  stopMs: number;
  restarts: (exit: Exit) => boolean;
  /** Called before each start, and again a little later while it returns false. */
  mayStart?: () => boolean;
  /** Receives `name pid port` at each start, and sentences for people. */
  report: (line: string) => void;
};

export type Supervised = {
  isReady: () => boolean;
  /** Resolves when the process has ended and is not restarted. */
  ended: Promise<Exit>;
  /** SIGTERM, then SIGKILL after `stopMs`. Safe at any time, and twice. */
  stop: () => Promise<void>;
  /** SIGKILL to the process and what it has started. */
  kill: () => void;
};

const askAgainMs = 200;
const check = { timeoutMs: 2_000, everyMs: 2_000, untilReadyEveryMs: 200 };
const pauseMs = { first: 500, most: 10_000 };

/**
 * Runs a process and restarts it when it ends, after half a second, doubling up to ten seconds until it was ready
 * again, so that a process that cannot start does not occupy the whole machine.
 */
export function supervise(program: Program, rules: Rules): Supervised {
  const { name } = program;
  const { log, report, mayStart = () => true } = rules;
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
        report(`${name} ${how} and is not restarted${logged}`);
        return ended.resolve(exit);
      }
      const pause = Math.min(pauseMs.first * 2 ** Math.max(0, failedStarts - 1), pauseMs.most);
      report(`${name} ${how}; restarting in ${pause / 1_000} s${logged}`);
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
    report(`${name} ${begun.pid} ${program.port}`);
    return begun;
  }

  /** Checks readiness until the process ends. Resolves to whether it ever was ready. */
  async function watch({ exited }: Bun.Subprocess): Promise<boolean> {
    const end = exited.then(() => "ended" as const);
    let wasReady = false;
    for (;;) {
      const probe = program.isReady().catch(() => false);
      const found = await inTime(Promise.race([end, probe]), check.timeoutMs);
      if (found === "ended") return wasReady;
      if (wasReady && !isStopping && isReady !== (found === true))
        report(`${name} is ${isReady ? "not ready" : "ready again"}`);
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
    async stop() {
      isStopping = true;
      stopping.resolve();
      child?.kill("SIGTERM");
      // A frozen process receives the signal only when it goes on.
      child?.kill("SIGCONT");
      const timer = setTimeout(kill, rules.stopMs);
      await running;
      clearTimeout(timer);
    },
  };
}
