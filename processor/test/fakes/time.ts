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

  function due(until: number) {
    return [...timers].filter(({ at }) => at <= until).sort((one, other) => one.at - other.at)[0];
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
      for (let next = due(until); next; next = due(until)) {
        timers.delete(next);
        ms = Math.max(next.at, ms);
        next.then();
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
