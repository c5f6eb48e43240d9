export type TurnstileOptions = {
  atOnce: number;
  /** That may wait for a turn; more are refused with what `full` makes. */
  waitingMax: number;
  /** Whoever waited longer is refused too: by then its client has gone. */
  waitMsMax: number;
  full: () => Error;
};

/** Lets a bounded number of calls be under way, and a bounded number wait, in the order of their coming. */
export function turnstile({ atOnce, waitingMax, waitMsMax, full }: TurnstileOptions) {
  const waiting: { since: number; go: () => void; refuse: () => void }[] = [];
  let inside = 0;

  function next(): void {
    for (let one = waiting.shift(); one; one = waiting.shift()) {
      if (performance.now() - one.since <= waitMsMax) {
        one.go();
        return;
      }
      one.refuse();
    }
    inside--;
  }

  return async <T>(work: () => Promise<T>): Promise<T> => {
    if (inside < atOnce) inside++;
    else if (waiting.length >= waitingMax) throw full();
    else {
      await new Promise<void>((go, reject) => {
        waiting.push({ since: performance.now(), go, refuse: () => reject(full()) });
      });
    }
    try {
      return await work();
    } finally {
      next();
    }
  };
}
