/** An idle child. `leave` ends it. */
export type Idle = { leave(): void };

/**
 * Limits the children of all pools together, idle and busy, to `most`, unless more than that are busy: when a child
 * becomes busy beyond the limit, the child that has been idle the longest is ended.
 */
export function createWarm(most: number) {
  const idle = new Set<Idle>();
  let busy = 0;

  return {
    /** A child, idle or new, starts a run. */
    begin(one: Idle): void {
      idle.delete(one);
      busy++;
      const [longest] = idle;
      if (longest !== undefined && busy + idle.size > most) longest.leave();
    },
    /** A child has ended its run. */
    end(): void {
      busy--;
    },
    keep: (one: Idle) => void idle.add(one),
    delete: (one: Idle) => void idle.delete(one),
  };
}

export type Warm = ReturnType<typeof createWarm>;
