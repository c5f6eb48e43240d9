/**
 * Removes what is old in batches, which keep each write short, until one is not full, the time of a sweep is over, or
 * `signal` is aborted; the next sweep takes the rest. `remove` removes up to `limit` and returns how many it removed.
 */
export async function removeInBatches(
  remove: (limit: number) => Promise<number>,
  { batchSize, signal }: { batchSize: number; signal: AbortSignal },
): Promise<void> {
  const endAt = performance.now() + sweepMsMax;
  while (!signal.aborted && performance.now() < endAt) {
    if ((await remove(batchSize)) < batchSize) return;
  }
}

const sweepMsMax = 20_000;
