import { limits } from "@sate/contracts";
import type { Ports } from "../ports.ts";
import { removeInBatches } from "../remove-in-batches.ts";

const batchSize = 1_000;

/**
 * Removes the Idempotency-Keys that were stored longer ago than they are kept, by the store's clock, oldest first. Any
 * number of processes may do this at once. Rejects when the database does not respond.
 */
export async function removeOldKeys(
  { store, counters }: Pick<Ports, "store" | "counters">,
  signal: AbortSignal,
): Promise<void> {
  const instant = store.now() - limits.idempotencySecondsKept * 1_000;
  const remove = async (limit: number) => {
    const removed = await store.keys.removeBefore(instant, limit);
    counters.add("idempotency_keys_removed", removed);
    return removed;
  };
  await removeInBatches(remove, { batchSize, signal });
}
