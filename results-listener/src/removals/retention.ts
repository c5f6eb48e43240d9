import type { Ports } from "../index.ts";

const batchSize = 200;
/** Per sweep; the rest waits for the next one. */
const sweepMsMax = 20_000;
/** Between two batches, so that they do not disturb the load. */
const pauseMs = 20;

/**
 * Deletes the dead letters that were published longer than `keepMs` ago, by the clock of the database, oldest first and
 * in batches. They do not come back: the recorder does not store dead letters of that age. Any number of processes may do
 * this at once. Rejects when the database does not respond.
 */
export async function removeOldDeadLetters(
  { writer, counters, log }: Pick<Ports, "writer" | "counters" | "log">,
  keepMs: number,
  stopping: AbortSignal,
): Promise<void> {
  const instant = (await writer.now()) - keepMs;
  const endAt = performance.now() + sweepMsMax;
  let removed = 0;
  let batch = batchSize;
  while (batch === batchSize && !stopping.aborted && performance.now() < endAt) {
    batch = await writer.removeDeadLettersBefore(instant, batchSize);
    removed += batch;
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
  counters.add("dead_letters_removed", removed);
  if (removed > 0) log.info("old dead letters were removed", { removed });
}
