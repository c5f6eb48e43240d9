/** A child that runs nothing. `leave` ends it. */
export type Idle = { leave(): void };

/**
 * The children of all pools together: those that run nothing, and the number of those that run something. Together
 * they are at most `most`, as long as no more run: whatever has been idle for longest leaves for another.
 */
export function createWarm(most: number) {
  const idle = new Set<Idle>();
  let busy = 0;

  return {
    /** A child begins to run something: one that was idle, or a new one. */
    begin(one: Idle): void {
      idle.delete(one);
      busy++;
      const [longest] = idle;
      if (longest !== undefined && busy + idle.size > most) longest.leave();
    },
    /** It does not run anything any more. */
    end(): void {
      busy--;
    },
    keep: (one: Idle) => void idle.add(one),
    delete: (one: Idle) => void idle.delete(one),
  };
}

export type Warm = ReturnType<typeof createWarm>;
