/** The clocks and timers of the domain code, passed in so that tests control them. */
export type Time = {
  /** Wall clock, in ms since 1970: only for dates that people read. */
  now(): number;
  /** Ms since some moment: for leases and durations. Never goes back, and goes on while the process is frozen. */
  monotonic(): number;
  /** Calls `then` after `ms`, however long that is, unless the returned function is called before. */
  after(ms: number, then: () => void): () => void;
};

/** The longest delay of a timer of the runtime, about 25 days. A longer one would fire at once. */
const timerMsMax = 2 ** 31 - 1;

export const systemTime: Time = {
  now: Date.now,
  monotonic: () => performance.now(),
  after(ms, then) {
    let timer: ReturnType<typeof setTimeout>;
    const wait = (leftMs: number) => {
      const isLong = leftMs > timerMsMax;
      timer = setTimeout(isLong ? () => wait(leftMs - timerMsMax) : then, Math.min(leftMs, timerMsMax));
    };
    wait(ms);
    return () => clearTimeout(timer);
  },
};

/** Resolves after `ms`, or as soon as `signal` is aborted. */
export function pause(time: Time, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      cancel();
      signal.removeEventListener("abort", end);
      resolve();
    };
    const cancel = time.after(ms, end);
    signal.addEventListener("abort", end, { once: true });
    if (signal.aborted) end();
  });
}

/** Resolves to whether `work` has resolved within `ms`. Never rejects. */
export function within(time: Time, work: Promise<unknown>, ms: number): Promise<boolean> {
  const late = Promise.withResolvers<false>();
  const cancel = time.after(Math.max(ms, 0), () => late.resolve(false));
  const done = work.then(() => true).catch(() => false);
  return Promise.race([done, late.promise]).finally(cancel);
}

const backoffMsFirst = 100;
const backoffMsMost = 2_000;

/**
 * The pause before retry `failures` (1, 2, …): doubled each time up to two seconds, of which `random` (0 to 1) takes
 * up to half, so that many processors do not retry at once.
 */
export function backoffMs(failures: number, random: number): number {
  const full = Math.min(backoffMsFirst * 2 ** Math.min(failures - 1, 10), backoffMsMost);
  return full * (1 - random / 2);
}
