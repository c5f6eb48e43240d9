import type { DeadLetterDocument, IncomingRecord, OutgoingRecord, ResultRecord } from "@sate/contracts";

/** A database, broker or service did not answer, or not in time. `message` is fit for any reader. */
export class Unavailable extends Error {
  override name = "Unavailable";
}

/**
 * - stored: it is the result of its execution from now on.
 * - repeated: this very result was stored before.
 * - conflicting: another result of the same (request, attempt) was stored before, and stays.
 * - refused: the database will never take it, whatever happens to the others.
 */
export type Recorded = "stored" | "repeated" | "conflicting" | "refused";

/**
 * The writing side of the Results DB. A promise resolves after the write is durable, and rejects with
 * `Unavailable` when that is not certain: the write may then have happened, so every write can be repeated.
 * No call takes longer than its adapter's deadline. A batch is not a transaction: each of its items succeeds
 * or fails alone.
 */
export type ResultsWriter = {
  /**
   * The first write wins: of any number of contenders for one (request, attempt) exactly one is stored, and
   * it never changes. Answers, for each in order, what became of it.
   */
  record(results: ResultRecord[]): Promise<Recorded[]>;
  /** Keeps those whose id is new. Answers, for each in order, whether it is kept, now or by an earlier call; `false`: the database will never take it. */
  keep(letters: DeadLetterDocument[]): Promise<boolean[]>;
  /** Makes what the database needs (tables, indexes), and may be repeated. Rejects while it is away. */
  open(): Promise<void>;
  /** Resolves if the database answers. */
  ping(): Promise<void>;
  /** Safe before open, and twice. Later calls reject. */
  close(): Promise<void>;
};

/** Publishes records durably: acknowledged by the broker when it resolves. All or nothing is not promised; repeating is safe for readers. */
export type Publisher = {
  publish(records: OutgoingRecord[]): Promise<void>;
  /** Resolves when the broker answers. */
  open(): Promise<void>;
  ping(): Promise<void>;
  /** Safe before open, and twice. */
  close(): Promise<void>;
};

/** A member of a consumer group. */
export type Consumer = {
  /**
   * Joins the group and hands what arrives to `handle`: one call at a time, with all that has gathered, each
   * partition's records in order. The records are committed after `handle` has resolved; if it rejects, or
   * the process ends before, they come again, here or at another member: at least once. Resolves when the
   * group is joined. Rejects with `Unavailable`, whose message says what is missing, and may be called again.
   */
  start(handle: (records: IncomingRecord[]) => Promise<void>): Promise<void>;
  /** Leaves the group, within a deadline. Safe before start, and twice. */
  stop(): Promise<void>;
  /** A sentence when nothing can arrive at the moment, else `null`. */
  complaint(): string | null;
};
