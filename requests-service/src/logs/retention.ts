import type { Ports } from "../ports.ts";

/** A chunk has up to 64 Ki characters. Small batches keep each delete short. */
const batchSize = 200;
/** Per sweep; the rest waits for the next one. */
const sweepMsMax = 20_000;

/**
 * Removes the logs of runs that were written longer than `keepMs` ago, by the store's clock, oldest first and in
 * batches. Any number of processes may do this at once. Rejects when the database does not respond.
 */
export async function removeOldLogs(
  { store, counters }: Pick<Ports, "store" | "counters">,
  keepMs: number,
  signal: AbortSignal,
): Promise<void> {
  const instant = store.now() - keepMs;
  const endAt = performance.now() + sweepMsMax;
  while (!signal.aborted && performance.now() < endAt) {
    const removed = await store.logs.removeBefore(instant, batchSize);
    counters.add("log_chunks_removed", removed);
    if (removed < batchSize) return;
  }
}
