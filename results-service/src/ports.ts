import type { ExecutionKey, ResultRecord } from "@sate/contracts";

/** A database did not answer, or not in time. `message` is fit for any reader. */
export class Unavailable extends Error {
  override name = "Unavailable";
}

/** How much one call may read: at most `limit` results, whose texts have at most `bytesMax` bytes of UTF-8 together. A single larger one comes alone. */
export type Bounds = { limit: number; bytesMax: number };

/** `more`: there are further ones behind these. */
export type Page = { results: ResultRecord[]; more: boolean };

/**
 * The reading side of the Results DB. It sees what was acknowledged to the writer before the call, and writes
 * nothing: a user who may only read is enough. Rejects with `Unavailable`; no call takes longer than its
 * adapter's deadline, and none holds much more in memory than its bounds.
 */
export type ResultsReader = {
  /** Results of a request whose attempts are above `afterAttempt`, lowest first. Attempts may be missing: their results may still come. */
  ofRequest(page: { requestId: string; afterAttempt: number } & Bounds): Promise<Page>;
  /** Results of one execution: none or one. */
  ofExecution(page: { requestId: string; executionId: string } & Bounds): Promise<Page>;
  /** For each, in their order, whether it has a result that nothing takes away any more. An empty list asks nobody. */
  recorded(executions: ExecutionKey[]): Promise<boolean[]>;
  /** Resolves when the database is there and can be read; may be repeated. */
  open(): Promise<void>;
  /** Resolves if the database answers. */
  ping(): Promise<void>;
  /** Safe before open, and twice. Later calls reject. */
  close(): Promise<void>;
};
