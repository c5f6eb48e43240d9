import type { HandlerEnd, HandlerRun } from "../../src/ports.ts";

const succeeded: HandlerEnd = { kind: "succeeded", outputsJson: '{"message":"pong"}' };

/** A handler that succeeds at once. */
export const pong = async () => succeeded;

/** A handler whose every run goes on until the test ends it, or until it is aborted if it `listens`. */
export function heldHandler({ listens = true } = {}) {
  const runs: HandlerRun[] = [];
  const active = new Map<HandlerRun, (end: HandlerEnd) => void>();
  const held = {
    /** All starts so far. */
    runs,
    mostAtOnce: 0,
    handler(run: HandlerRun): Promise<HandlerEnd> {
      runs.push(run);
      return new Promise((resolve, reject) => {
        active.set(run, resolve);
        held.mostAtOnce = Math.max(held.mostAtOnce, active.size);
        if (!listens) return;
        run.signal.addEventListener("abort", () => {
          active.delete(run);
          reject(run.signal.reason);
        });
      });
    },
    /** Those that go on now. */
    get active() {
      return [...active.keys()];
    },
    /** Ends the oldest run. */
    end() {
      const [oldest] = active;
      if (!oldest) throw new Error("there is no run");
      active.delete(oldest[0]);
      oldest[1](succeeded);
    },
    endAll() {
      while (active.size > 0) held.end();
    },
  };
  return held;
}
