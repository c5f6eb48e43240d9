/** A task that takes this long hangs, for all that it calls has deadlines. */
const hangsAfterMs = 60_000;

/**
 * Does `work` again and again, `pauseMs` after the end of the last time, never twice at once. `work` handles its
 * own expected failures: one that rejects is a fault of ours and goes to `fatal`.
 */
export function periodic(task: {
  name: string;
  pauseMs: number;
  work: () => Promise<unknown>;
  fatal: (what: string, error: unknown) => void;
}) {
  const { name, pauseMs, work, fatal } = task;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let underWay: Promise<void> = Promise.resolve();
  let isStopped = false;
  let dueAt = Number.POSITIVE_INFINITY;

  function schedule(): void {
    if (isStopped) return;
    dueAt = performance.now() + pauseMs;
    timer = setTimeout(() => {
      underWay = work().then(schedule, (error) => fatal(name, error));
    }, pauseMs);
  }

  return {
    start: schedule,
    /** Safe before start and twice; resolves when the work under way has ended. */
    stop(): Promise<void> {
      isStopped = true;
      clearTimeout(timer);
      return underWay;
    },
    /** A sentence while the work under way does not end. */
    hangs: (): string[] => (performance.now() - dueAt > hangsAfterMs ? [`The ${name} does not end.`] : []),
  };
}

export type Periodic = ReturnType<typeof periodic>;
