import type { Time } from "../../src/time.ts";
import { turns } from "../eventually.ts";

export type FakeTime = Time & {
  /** Goes on by `ms`; what is due is called on the way, each in its moment, and may do all that follows from it. */
  advance(ms: number): Promise<void>;
  /** The process is stopped for `ms`: time goes on, and what was due is called only after. */
  freeze(ms: number): void;
  readonly timers: number;
};

export function fakeTime(): FakeTime {
  const startedAt = Date.UTC(2020, 10, 7, 16, 31, 58, 103);
  let ms = 0;
  const timers = new Set<{ at: number; then: () => void }>();

  /** The earliest ones that are due, all of the same moment. */
  function due(until: number) {
    const first = Math.min(...[...timers].map(({ at }) => at));
    return first > until ? [] : [...timers].filter(({ at }) => at === first);
  }

  return {
    now: () => startedAt + ms,
    monotonic: () => ms,
    after(delayMs, then) {
      const timer = { at: ms + delayMs, then };
      timers.add(timer);
      return () => void timers.delete(timer);
    },
    async advance(byMs) {
      await turns();
      const until = ms + byMs;
      for (let next = due(until); next.length > 0; next = due(until)) {
        for (const timer of next) {
          ms = Math.max(timer.at, ms);
          if (timers.delete(timer)) timer.then();
        }
        await turns();
      }
      ms = until;
      await turns();
    },
    freeze(byMs) {
      ms += byMs;
    },
    get timers() {
      return timers.size;
    },
  };
}
