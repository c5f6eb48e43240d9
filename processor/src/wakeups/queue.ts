import type { ExecutionRef } from "@sate/contracts";

/**
 * Wake-ups: executions that records named and that this process has not tried to claim yet. First in, first out, each
 * execution once. Losing one is harmless, because the database knows what is queued; so the queue is bounded, and
 * drops what exceeds its limit.
 */
export function createWakeUpQueue(sizeMax: number) {
  let queue = new Map<string, ExecutionRef>();

  return {
    get size() {
      return queue.size;
    },
    /** Returns whether the execution is in the queue now. */
    add(ref: ExecutionRef): boolean {
      const hasPlace = queue.size < sizeMax || queue.has(ref.execution_id);
      if (hasPlace) queue.set(ref.execution_id, ref);
      return hasPlace;
    },
    /** Removes the oldest ones. */
    take(count: number): ExecutionRef[] {
      const taken = queue.values().take(count).toArray();
      for (const { execution_id } of taken) queue.delete(execution_id);
      return taken;
    },
    /** Puts them back at the front, after a claim without a response. Returns how many others had to go for them. */
    requeue(refs: ExecutionRef[]): number {
      const front = refs.map((ref) => [ref.execution_id, ref] as const);
      const all = new Map([...front, ...queue]);
      queue = new Map([...all].slice(0, sizeMax));
      return all.size - queue.size;
    },
    clear: (): void => queue.clear(),
  };
}
