export type SemaphoreOptions = {
  permits: number;
  /** Callers that may wait; others are refused at once. */
  waitingMax: number;
  /** A caller that has waited this long is refused. */
  waitMsMax: number;
  refusal: () => Error;
};

export type Semaphore = {
  /** Resolves with a permit, first come, first served, or rejects with the refusal. */
  acquire(): Promise<void>;
  /** To be called once for each `acquire` that has resolved. */
  release(): void;
};

/** A counting semaphore with a bounded queue and a maximum wait. */
export function createSemaphore({ permits, waitingMax, waitMsMax, refusal }: SemaphoreOptions): Semaphore {
  const waiting: (() => void)[] = [];
  let free = permits;

  return {
    acquire() {
      if (free > 0) {
        free--;
        return Promise.resolve();
      }
      if (waiting.length >= waitingMax) return Promise.reject(refusal());
      return new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
          waiting.splice(waiting.indexOf(admit), 1);
          reject(refusal());
        }, waitMsMax);
        const admit = () => {
          clearTimeout(timer);
          resolve();
        };
        waiting.push(admit);
      });
    },

    release() {
      const next = waiting.shift();
      // The permit is handed over, so that no later caller can overtake.
      if (next) next();
      else free++;
    },
  };
}
