import type { Time } from "../../src/time.ts";
import { turns } from "../eventually.ts";

export function fakeTime() {
  const startedAt = Date.UTC(2020, 10, 7, 16, 31, 58, 103);
  let ms = 0;
  const timers = new Set<{ at: number; then: () => void }>();

  /** The earliest ones that are due, all of the same moment. */
  function due(until: number) {
    const first = Math.min(...[...timers].map(({ at }) => at));
    return first > until ? [] : [...timers].filter(({ at }) => at === first);
  }

  const time = {
    now: () => startedAt + ms,
    monotonic: () => ms,
    after(delayMs: number, then: () => void) {
      const timer = { at: ms + delayMs, then };
      timers.add(timer);
      return () => void timers.delete(timer);
    },
    /** Goes on by `byMs`; what is due is called on the way, each in its moment, and may do all that follows from it. */
    async advance(byMs: number) {
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
    /** The process is stopped for `byMs`: time goes on, and what was due is called only after. */
    freeze(byMs: number) {
      ms += byMs;
    },
    get timers() {
      return timers.size;
    },
  };
  return time satisfies Time;
}
