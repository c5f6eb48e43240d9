/** Repeatable randomness: the same seed, the same choices. Mulberry32. */
export function createRandom(seed: number) {
  let state = seed;
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  let ids = 0;
  return {
    next,
    chance: (probability: number) => next() < probability,
    below: (count: number) => Math.floor(next() * count),
    of: <T>(list: readonly T[]): T | undefined => list[Math.floor(next() * list.length)],
    id: () =>
      `${seed.toString(16).padStart(8, "0")}-0000-7000-8000-${(++ids).toString(16).padStart(12, "0")}`,
  };
}

export type SeededRandom = ReturnType<typeof createRandom>;
