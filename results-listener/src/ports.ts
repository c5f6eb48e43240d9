import type { DeadLetterDocument, ResultRecord } from "@sate/contracts";
import type { Removals } from "./removals/port.ts";

/**
 * - stored: it is now the result of its execution.
 * - repeated: this very result was stored before.
 * - conflicting: another result of the same (request, attempt) was stored before, and stays.
 * - removed: the result of its execution was removed, and this one is not stored.
 * - refused: the database will never take it, whatever happens to the others.
 */
export type Recorded = "stored" | "repeated" | "conflicting" | "removed" | "refused";

/**
 * The writing side of the Results DB. A call resolves when its writes are durable, and rejects with `Unavailable` when
 * that is not certain: they may then have happened, so every write can be repeated. No call takes longer than its
 * adapter's deadline. A batch is not a transaction: each of its items succeeds or fails alone.
 */
export type ResultsWriter = Removals & {
  /**
   * The first write wins: of any number of results for one (request, attempt) exactly one is stored, and it never
   * changes, except that a removal takes its place. Returns what became of each, in order.
   */
  recordResults(results: ResultRecord[]): Promise<Recorded[]>;
  /** Stores those whose id is new. Returns for each, in order, whether it is stored, now or before; `false`: the database will never take it. */
  storeDeadLetters(deadLetters: DeadLetterDocument[]): Promise<boolean[]>;
  /** Creates what the database needs (tables, indexes). Idempotent. Rejects while the database is away. */
  open(): Promise<void>;
  /** Resolves if the database responds. */
  ping(): Promise<void>;
  /** Safe before open, and twice. Later calls reject. */
  close(): Promise<void>;
};
