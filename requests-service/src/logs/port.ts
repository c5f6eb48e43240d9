import type { ExecutionKey, LogChunk, RunRef } from "@sate/contracts";

/** A chunk as it is stored. */
export type StoredChunk = LogChunk & {
  /** The bytes of this chunk and of all earlier ones of its run. */
  total: number;
  /** By the store's clock. */
  written_at: number;
};

export type LogPosition = Pick<LogChunk, "epoch" | "sequence">;

/** The logs of runs. */
export type Logs = {
  /**
   * For each chunk, the `total` of the chunk right before it, which is 0 for the first. If that one is not stored, the
   * `total` of the last stored chunk of its run, or 0 if there is none; `null` if that one does not come before it. So
   * chunks that arrive out of order cannot bypass the limit of their run.
   */
  totalsBefore(chunks: (Omit<RunRef, "execution_id"> & LogPosition)[]): Promise<(number | null)[]>;
  /** Stores each chunk whose (execution, epoch, sequence) is free. */
  append(chunks: Omit<StoredChunk, "written_at">[]): Promise<void>;
  /**
   * The chunks of an execution by epoch and sequence, those above `after`, of one run or of all: at most `limit`, with at
   * most `bytesMax` together; at least one. `isCut`: there are more.
   */
  read(page: LogPage): Promise<{ chunks: StoredChunk[]; isCut: boolean }>;
  /**
   * For each, its chunks by epoch and sequence, those above `after`: with at most `bytesEach` together, but at least one.
   * Reads no more than `bytesMax` in all, so the last ones may get none. `isCut`: there may be more.
   */
  follow(executions: Followed[], bytes: FollowBytes): Promise<{ chunks: StoredChunk[]; isCut: boolean }[]>;
  /** Deletes up to `limit` of the chunks written before this instant, the oldest first. Returns how many. */
  removeBefore(instant: number, limit: number): Promise<number>;
};

export type Followed = ExecutionKey & { after?: LogPosition | undefined };
export type FollowBytes = { bytesEach: number; bytesMax: number };

export type LogPage = ExecutionKey & {
  epoch?: number | undefined;
  after?: LogPosition | undefined;
  limit: number;
  bytesMax: number;
};

export function chunkBytes({ text }: Pick<LogChunk, "text">): number {
  return Buffer.byteLength(text);
}
