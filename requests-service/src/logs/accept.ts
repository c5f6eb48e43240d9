import { type LogChunk, limits } from "@sate/contracts";
import { chunkBytes, type StoredChunk } from "./port.ts";

type Counted = Omit<StoredChunk, "written_at">;

/** The run of a chunk. */
export function runNameOf({ execution_id, epoch }: Pick<LogChunk, "execution_id" | "epoch">): string {
  return `${execution_id} ${epoch}`;
}

/**
 * Counts the bytes of each run over chunks in the order of their sequence. Leaves out chunks that would take a run
 * beyond `limits.logStoredBytesMax`, and all chunks of a run whose first one is out of order. `totals`: by `runNameOf`,
 * the bytes that are stored of a run before its first chunk, or `null` if that is out of order. Pure.
 */
export function countChunks(chunks: LogChunk[], totals: ReadonlyMap<string, number | null>): Counted[] {
  const now = new Map(totals);
  return chunks.flatMap((chunk) => {
    const run = runNameOf(chunk);
    const before = now.get(run);
    if (before === null) return [];
    const total = (before ?? 0) + chunkBytes(chunk);
    if (total > limits.logStoredBytesMax) return [];
    now.set(run, total);
    return { ...chunk, total };
  });
}
