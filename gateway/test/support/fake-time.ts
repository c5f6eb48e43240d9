import type { StartTimer } from "../../src/watch/poll.ts";

/** A monotonic clock and its timers, which advance only when told to. */
export function fakeTime() {
  const timers = new Set<{ at: number; end: () => void }>();
  let now = 0;
  const settle = () => new Promise<void>((resolve) => setImmediate(() => setImmediate(resolve)));
  const startTimer: StartTimer = (ms, end) => {
    const timer = { at: now + ms, end };
    timers.add(timer);
    return () => void timers.delete(timer);
  };
  return {
    startTimer,
    monotonic: () => now,
    random: () => 1,
    /** How many timers are running. */
    timers: () => timers.size,
    /** Ends the timers of this time one after another, each after what the previous one has caused. */
    async advance(ms: number): Promise<void> {
      const until = now + ms;
      await settle();
      for (;;) {
        const [next] = [...timers].filter(({ at }) => at <= until).sort((a, b) => a.at - b.at);
        if (next === undefined) break;
        timers.delete(next);
        now = Math.max(now, next.at);
        next.end();
        await settle();
      }
      now = until;
    },
  };
}
