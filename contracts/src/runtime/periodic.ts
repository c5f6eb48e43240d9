/**
 * Runs `work` repeatedly, each time `pauseMs` after the previous run has ended, so runs never overlap. `work` handles
 * its own expected failures; a rejection is a bug and goes to `fatal`. Everything that it calls must have a deadline.
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

  function start(): void {
    if (isStopped) return;
    timer = setTimeout(() => {
      underWay = work().then(start, (error) => fatal(name, error));
    }, pauseMs);
  }

  /** Safe before start and twice; resolves when the work under way has ended. */
  function stop(): Promise<void> {
    isStopped = true;
    clearTimeout(timer);
    return underWay;
  }

  return { start, stop };
}

export type Periodic = ReturnType<typeof periodic>;
