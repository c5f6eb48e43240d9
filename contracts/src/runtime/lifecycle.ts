import { inTime } from "./deadline.ts";
import { errorFields, type Log } from "./log.ts";

/** Why something fails: a fixed sentence, or one made from the error. */
type Reason = string | ((error: unknown) => string);

/** Something outside that a service needs. `probe` rejects while it does not work. */
type Dependency = { name: string; probe: () => Promise<unknown>; reason: Reason };

/** Attempts the work of a part once, or until it succeeds or the service stops. */
export type Attempt<T> = (part: string, work: () => Promise<unknown>, reason: Reason) => Promise<T>;

/** How long the result of a probe is reused. */
const verdictMs = 1_000;
/** Longer than a call that fails over to another address, shorter than health checks wait. */
const probeMs = 4_000;
const connectPauseMs = { first: 100, most: 1_000 };

/**
 * The life of a service: started once, stopped once, and in between ready or not. A part counts as failing from a
 * failed attempt until the next one that succeeds. Dependencies are probed when readiness is requested.
 */
export function createLifecycle(parts: {
  log: Log;
  dependencies: Dependency[];
  onStart(connect: Attempt<void>): Promise<unknown>;
  onStop(): Promise<void>;
  /** Further reasons not to be ready while it runs. */
  reasons?(): Promise<string[]> | string[];
}) {
  const { log, dependencies, onStart, onStop, reasons = () => [] } = parts;
  let state: "new" | "starting" | "running" | "stopped" = "new";
  let stopped: Promise<void> | null = null;
  const stopping = new AbortController();
  const failing = new Map<string, string>();
  let probing: Promise<unknown> = Promise.resolve();
  let validUntil = 0;

  /** Returns whether it succeeded; never rejects. */
  const attempt: Attempt<boolean> = async (part, work, reason) => {
    try {
      await work();
      if (failing.delete(part)) log.info("recovered", { part });
      return true;
    } catch (error) {
      const sentence = typeof reason === "string" ? reason : reason(error);
      if (failing.get(part) !== sentence) log.warn(sentence, { part, ...errorFields(error) });
      failing.set(part, sentence);
      return false;
    }
  };

  const connect: Attempt<void> = async (...work) => {
    let pause = connectPauseMs.first;
    while (!stopping.signal.aborted && !(await attempt(...work))) {
      await new Promise((resolve) => setTimeout(resolve, pause * (0.5 + Math.random() / 2)));
      pause = Math.min(pause * 2, connectPauseMs.most);
    }
  };

  /** Concurrent callers share one probe. */
  function probe(): Promise<unknown> {
    if (performance.now() < validUntil) return probing;
    validUntil = Number.POSITIVE_INFINITY;
    const one = ({ name, probe, reason }: Dependency) =>
      attempt(name, () => inTime(probe(), probeMs), reason);
    probing = Promise.all(dependencies.map(one)).then(() => {
      validUntil = performance.now() + verdictMs;
    });
    return probing;
  }

  return {
    attempt,
    stopping: stopping.signal,

    /** Resolves when the service works, however long that takes, or has been stopped. */
    async start(): Promise<void> {
      if (state !== "new") return;
      state = "starting";
      await onStart(connect);
      if (state === "starting") state = "running";
    },

    /** Safe before start, and twice. */
    stop(): Promise<void> {
      state = "stopped";
      stopping.abort();
      stopped ??= onStop();
      return stopped;
    },

    /** Why it is not ready, a sentence each; none: it is ready. */
    async notReadyReasons(): Promise<string[]> {
      if (state === "stopped") return ["It is stopping."];
      if (state !== "running") return ["It is starting.", ...new Set(failing.values())];
      const [further] = await Promise.all([reasons(), probe()]);
      return [...new Set([...failing.values(), ...further])];
    },
  };
}
