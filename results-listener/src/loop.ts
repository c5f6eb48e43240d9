export type Loop = {
  start(): void;
  /** Safe before start and twice; resolves when the turn under way has ended. */
  stop(): Promise<void>;
  /** A sentence when it is started and no turn has ended for long, else `null`. */
  complaint(): string | null;
};

/** Every turn has deadlines of its own; one that takes this long beyond the pause hangs. */
const hangsAfterMs = 60_000;

/**
 * Runs `turn` again and again, `pauseMs` after the end of the last one, never twice at once. A turn must
 * handle its own expected failures: one that throws is a fault of ours and goes to `fatal`.
 */
export function createLoop(parts: {
  name: string;
  pauseMs: number;
  turn: () => Promise<unknown>;
  fatal: (what: string, error: unknown) => void;
}): Loop {
  const { name, pauseMs, turn, fatal } = parts;
  let timer: ReturnType<typeof setTimeout> | null = null;
  let underWay: Promise<void> = Promise.resolve();
  let isStopped = false;
  let lastEndAt = 0;

  function next(): void {
    timer = setTimeout(() => {
      underWay = turn().then(
        () => {
          lastEndAt = performance.now();
          if (!isStopped) next();
        },
        (error) => fatal(name, error),
      );
    }, pauseMs);
  }

  return {
    start() {
      if (isStopped || timer !== null) return;
      lastEndAt = performance.now();
      next();
    },
    async stop() {
      isStopped = true;
      if (timer !== null) clearTimeout(timer);
      await underWay;
    },
    complaint() {
      const isHanging =
        timer !== null && !isStopped && performance.now() - lastEndAt > pauseMs + hangsAfterMs;
      return isHanging ? `The ${name} does not come to an end.` : null;
    },
  };
}
