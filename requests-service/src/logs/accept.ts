import { type LogChunk, limits } from "@sate/contracts";
import { chunkBytes, type StoredChunk } from "./port.ts";

type Counted = Omit<StoredChunk, "written_at">;

/** The run of a chunk. */
export function runNameOf({ execution_id, epoch }: Pick<LogChunk, "execution_id" | "epoch">): string {
  return `${execution_id} ${epoch}`;
}

/**
 * Counts the bytes of each run over chunks in the order of their sequence, and leaves out those that would take a run
 * beyond `limits.logStoredBytesMax`, and those of a run that come too late. `totals`: by `runNameOf`, what is stored of a
 * run before its first chunk, or `null` if that comes too late. Pure.
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
