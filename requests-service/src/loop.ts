export type Loop = { start(): void; stop(): Promise<void>; lastTurnAt(): number | null };

/**
 * Runs `turn` again and again, `pauseMs` after the end of the last one, never twice at once. A turn must
 * handle its own expected failures: one that throws is a fault of ours and goes to `fatal`.
 *
 * `stop` is safe before start and twice, and resolves when the turn under way has ended.
 */
export function createLoop(pauseMs: number, turn: () => Promise<void>, fatal: (error: unknown) => void): Loop {
  let timer: ReturnType<typeof setTimeout> | null = null;
  let underWay: Promise<void> = Promise.resolve();
  let isStopped = false;
  let lastTurnAt: number | null = null;

  function next(): void {
    timer = setTimeout(() => {
      underWay = turn().then(() => {
        lastTurnAt = performance.now();
        if (!isStopped) next();
      }, fatal);
    }, pauseMs);
  }

  return {
    start: () => {
      if (!isStopped && timer === null) next();
    },
    async stop() {
      isStopped = true;
      if (timer !== null) clearTimeout(timer);
      await underWay;
    },
    lastTurnAt: () => lastTurnAt,
  };
}
