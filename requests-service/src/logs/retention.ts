import type { Ports } from "../ports.ts";
import { removeInBatches } from "../remove-in-batches.ts";

/** A chunk has up to 64 Ki characters. */
const batchSize = 200;

/**
 * Removes the logs of runs that were written longer than `keepMs` ago, by the store's clock, oldest first. Any number of
 * processes may do this at once. Rejects when the database does not respond.
 */
export async function removeOldLogs(
  { store, counters }: Pick<Ports, "store" | "counters">,
  keepMs: number,
  signal: AbortSignal,
): Promise<void> {
  const instant = store.now() - keepMs;
  const remove = async (limit: number) => {
    const removed = await store.logs.removeBefore(instant, limit);
    counters.add("log_chunks_removed", removed);
    return removed;
  };
  await removeInBatches(remove, { batchSize, signal });
}
