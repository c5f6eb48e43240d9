import type { AbortReason } from "../ports.ts";
import type { Child, Listener, Reply } from "./child.ts";
import type { RunMessage } from "./messages.ts";
import type { Warm } from "./warm.ts";

export type PoolOptions = {
  start(): Child;
  /** `false`: every run gets a child of its own. */
  reuse: boolean;
  /** Bounds the children of all pools. */
  warm: Warm;
  /** How long an idle child is kept. */
  idleMs?: number;
  /** A child is replaced after this many runs, which limits how much memory it can leak. */
  runsMax?: number;
};

const idleMsDefault = 60_000;
const runsMaxDefault = 1_000;
/** How long an aborted run may continue, and how long a child may take to end. */
export const killGraceMs = 2_000;

/** The children of one processor: started on demand, kept warm for a while, each with one run at a time. */
export type Pool = {
  /**
   * Executes a run in a child process. The child is reused unless it died, was aborted, left processes running or
   * reports that it must not be reused. In these cases the child and every process that it started have ended before
   * this resolves. An abort aborts the signal of the run and kills the child after a grace period, or at once if the run
   * is fenced. Rejects if the signal is already aborted or no child can be started.
   */
  run(
    run: Omit<RunMessage, "marker">,
    listener: Listener,
    signal: AbortSignal,
  ): Promise<Exclude<Reply, { kind: "refused" }>>;
  /** Ends idle children at once, and the others after their run. */
  retire(): void;
  /** The number of idle children. */
  idle(): number;
};

export function createPool(options: PoolOptions): Pool {
  const { start, reuse, warm, idleMs = idleMsDefault, runsMax = runsMaxDefault } = options;
  type Kept = { child: Child; runs: number; timer?: Timer; leave(): void };
  /** The most recently used child is last. */
  const idle: Kept[] = [];
  let isRetired = false;

  function take(): Kept {
    for (let kept = idle.at(-1); kept !== undefined; kept = idle.at(-1)) {
      forget(kept);
      if (kept.child.isAlive()) return kept;
    }
    const child = start();
    const kept: Kept = {
      child,
      runs: 0,
      leave() {
        forget(kept);
        void child.kill({ graceMs: killGraceMs });
      },
    };
    return kept;
  }

  function keep(kept: Kept): void {
    kept.timer = setTimeout(kept.leave, idleMs);
    kept.timer.unref();
    idle.push(kept);
    warm.keep(kept);
  }

  function forget(kept: Kept): void {
    clearTimeout(kept.timer);
    warm.delete(kept);
    idle.splice(idle.indexOf(kept), 1);
  }

  async function run(...given: Parameters<Pool["run"]>): ReturnType<Pool["run"]> {
    const [message, listener, signal] = given;
    signal.throwIfAborted();
    const kept = take();
    const { child } = kept;
    warm.begin(kept);
    const onAbort = () => {
      const { why } = signal.reason as { why: AbortReason };
      child.abort(why);
      void child.kill({ graceMs: why === "fenced" ? 0 : killGraceMs });
    };
    signal.addEventListener("abort", onAbort, { once: true });
    const reply = await child.ask(message, listener);
    signal.removeEventListener("abort", onAbort);
    kept.runs++;
    const mayStay = reply.kind === "replied" && reply.isReusable && !signal.aborted && !child.hasChildren();
    if (mayStay && reuse && kept.runs < runsMax && !isRetired) keep(kept);
    else await child.kill({ graceMs: killGraceMs });
    warm.end();
    return reply.kind === "refused" ? run(...given) : reply;
  }

  return {
    run,
    retire() {
      isRetired = true;
      for (const kept of [...idle]) kept.leave();
    },
    idle: () => idle.length,
  };
}
