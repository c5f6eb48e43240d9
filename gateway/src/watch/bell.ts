/** Wakes the one caller that waits on it. A ring before the wait counts. */
export type Bell = {
  ring(): void;
  /** Resolves at a ring, or after `ms`. */
  wait(ms: number): Promise<void>;
};

export function createBell(): Bell {
  let hasRung = false;
  let wake: (() => void) | undefined;
  return {
    ring() {
      hasRung = true;
      wake?.();
    },
    async wait(ms) {
      if (!hasRung) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, ms);
          wake = () => {
            clearTimeout(timer);
            resolve();
          };
        });
      }
      hasRung = false;
      wake = undefined;
    },
  };
}
