/** Time as the rules of this service see it: passed in, so that tests hold it in their hands. */
export type Time = {
  /** Wall clock, epoch ms: only for dates that people read. */
  now(): number;
  /** Ms since some moment; never goes back, and goes on while this process is stopped: for leases and durations. */
  monotonic(): number;
  /** Calls `then` after `ms`, unless the function it answers is called before. */
  after(ms: number, then: () => void): () => void;
};

export const systemTime: Time = {
  now: Date.now,
  monotonic: () => performance.now(),
  after(ms, then) {
    const timer = setTimeout(then, ms);
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

/** Whether `work` is done within `ms`. It is not waited for any longer; never rejects. */
export function within(time: Time, work: Promise<unknown>, ms: number): Promise<boolean> {
  return new Promise((resolve) => {
    const cancel = time.after(Math.max(ms, 0), () => resolve(false));
    const done = (isDone: boolean) => {
      cancel();
      resolve(isDone);
    };
    work.then(
      () => done(true),
      () => done(false),
    );
  });
}
