import type { Handler, HandlerEnd, HandlerRun } from "../../src/ports.ts";

/** A handler whose every run goes on until the test ends it, or until it is aborted. */
export type HeldHandler = {
  handler: Handler;
  /** All starts so far. */
  readonly runs: HandlerRun[];
  /** Those that go on now. */
  readonly active: HandlerRun[];
  readonly mostAtOnce: number;
  /** Ends a run, the oldest if none is named, with a pong. */
  end(executionId?: string, with_?: HandlerEnd): void;
  endAll(): void;
};

export function heldHandler({ listens = true } = {}): HeldHandler {
  const runs: HandlerRun[] = [];
  const active = new Map<HandlerRun, (end: HandlerEnd) => void>();
  let mostAtOnce = 0;
  const pong: HandlerEnd = { kind: "succeeded", outputsJson: '{"message":"pong"}' };

  function end(run: HandlerRun | undefined, how: HandlerEnd): void {
    if (run === undefined) throw new Error("there is no such run");
    active.get(run)?.(how);
    active.delete(run);
  }

  return {
    handler(run) {
      runs.push(run);
      return new Promise((resolve, reject) => {
        active.set(run, resolve);
        mostAtOnce = Math.max(mostAtOnce, active.size);
        if (!listens) return;
        run.signal.addEventListener("abort", () => {
          active.delete(run);
          reject(run.signal.reason);
        });
      });
    },
    runs,
    get active() {
      return [...active.keys()];
    },
    get mostAtOnce() {
      return mostAtOnce;
    },
    end(executionId, how = pong) {
      const found = [...active.keys()].find(
        (run) => executionId === undefined || run.executionId === executionId,
      );
      end(found, how);
    },
    endAll() {
      for (const run of [...active.keys()]) end(run, pong);
    },
  };
}
