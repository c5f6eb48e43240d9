/** Random numbers that a seed repeats: mulberry32, by Tommy Ettinger, in the public domain. */
export type Random = {
  /** From 0 to below 1. */
  next(): number;
  /** An integer from `from` to `to`, both included. */
  between(from: number, to: number): number;
  pick<T>(from: readonly T[]): T;
  /** The same things in another order. */
  shuffled<T>(from: readonly T[]): T[];
};

export function seeded(seed: number): Random {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const between = (from: number, to: number) => from + Math.floor(next() * (to - from + 1));
  return {
    next,
    between,
    shuffled(from) {
      const things = [...from];
      for (let at = things.length - 1; at > 0; at--) {
        const other = between(0, at);
        [things[at], things[other]] = [things[other] as never, things[at] as never];
      }
      return things;
    },
    pick: (from) => {
      if (from.length === 0) throw new Error("there is nothing to pick from");
      return from[Math.floor(next() * from.length)] as (typeof from)[number];
    },
  };
}
