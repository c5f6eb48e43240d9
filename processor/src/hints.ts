import type { ExecutionRef } from "@sate/contracts";

/**
 * Executions that records speak of and that nobody here has claimed yet: first in, first out, each once. A
 * hint may be lost at any time without harm, for the database knows what is queued; so there is a limit, and
 * beyond it a hint is dropped.
 */
export type Hints = {
  readonly size: number;
  /** `false` if there is no place. `onAnswered` is called once: when its claim was answered, or `settle`. */
  add(ref: ExecutionRef, onAnswered?: () => void): boolean;
  /** The oldest ones, out of the queue. */
  take(count: number): Hint[];
  /** Back to the front, after a claim without an answer. */
  putBack(hints: Hint[]): void;
  /** Nobody is to wait for those in the queue any longer. They stay. */
  settle(): void;
  clear(): void;
};

export type Hint = { ref: ExecutionRef; onAnswered: (() => void) | undefined };

export function createHints(sizeMax: number): Hints {
  let queue = new Map<string, Hint>();

  const settle = () => {
    for (const hint of queue.values()) answered(hint);
  };

  return {
    get size() {
      return queue.size;
    },
    add(ref, onAnswered) {
      const isKnown = queue.has(ref.execution_id);
      const hasPlace = isKnown || queue.size < sizeMax;
      if (isKnown || !hasPlace) onAnswered?.();
      else queue.set(ref.execution_id, { ref, onAnswered });
      return hasPlace;
    },
    take(count) {
      const taken = queue.values().take(count).toArray();
      for (const { ref } of taken) queue.delete(ref.execution_id);
      return taken;
    },
    putBack(hints) {
      const front = hints.map((hint) => [hint.ref.execution_id, hint] as const);
      queue = new Map([...front, ...queue].slice(0, sizeMax));
    },
    settle,
    clear() {
      settle();
      queue.clear();
    },
  };
}

/** Calls what waits for the hint, once. */
export function answered(hint: Hint): void {
  hint.onAnswered?.();
  hint.onAnswered = undefined;
}
