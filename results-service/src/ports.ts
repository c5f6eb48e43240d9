import type { ExecutionKey, ResultRecord } from "@sate/contracts";
import type { DeadLetters } from "./dead-letters/port.ts";

/** At most `limit` results, whose payloads and outputs have at most `bytesMax` bytes of UTF-8 together. A single larger result has a page to itself. */
export type Bounds = { limit: number; bytesMax: number };

/** `more`: there are results after these. */
export type Page = { results: ResultRecord[]; more: boolean };

/**
 * The maximum number of consecutive attempts without a result that a reader tolerates. Attempts are consecutive, and each begins after the one before
 * has ended, but their results are recorded a moment later and in any order.
 */
export const gapMax = 32;

/**
 * The reading side of the Results DB. It sees what was acknowledged to the writer before the call, with one exception:
 * a result that follows more than `gapMax` consecutive attempts without one may be invisible until theirs are
 * recorded. It writes nothing: read access is enough. Rejects with `Unavailable`; no call takes longer than its
 * adapter's deadline, and none holds much more in memory than its bounds. Results that were removed are not returned.
 */
export type ResultsReader = {
  /** The results of a request's attempts above `afterAttempt`, by attempt. A page never ends at a gap. */
  ofRequest(requestId: string, afterAttempt: number, bounds: Bounds): Promise<Page>;
  ofExecution(requestId: string, executionId: string): Promise<ResultRecord | null>;
  /** For each execution, in order, whether its result is recorded, whatever is missing before it. It stays so: a removed result leaves a tombstone. */
  recorded(executions: ExecutionKey[]): Promise<boolean[]>;
  deadLetters: DeadLetters;
  /** Resolves when the database can be read. Idempotent. */
  open(): Promise<void>;
  /** Resolves if the database responds. */
  ping(): Promise<void>;
  /** Safe before open, and twice. Later calls reject. */
  close(): Promise<void>;
};
