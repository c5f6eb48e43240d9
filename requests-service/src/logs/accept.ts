import { type LogChunk, limits } from "@sate/contracts";
import { chunkBytes, type StoredChunk } from "./port.ts";

type Counted = Omit<StoredChunk, "written_at">;

/**
 * Counts the bytes of each run over chunks in the order of their sequence, and leaves out those that would take a run
 * beyond `limits.logStoredBytesMax`. `totalBefore`: what is stored of the chunk's run before the chunk. Pure.
 */
export function countChunks(chunks: { chunk: LogChunk; totalBefore: number }[]): Counted[] {
  const totals = new Map<string, number>();
  return chunks.flatMap(({ chunk, totalBefore }) => {
    const run = `${chunk.execution_id} ${chunk.epoch}`;
    const total = Math.max(totals.get(run) ?? 0, totalBefore) + chunkBytes(chunk);
    if (total > limits.logStoredBytesMax) return [];
    totals.set(run, total);
    return { ...chunk, total };
  });
}
