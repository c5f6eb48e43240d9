import type { IncomingRecord, OutgoingRecord } from "./record.ts";

/** Publishes records. A call that does not succeed within the adapter's deadline rejects with `Unavailable`. */
export type Publisher = {
  /**
   * The records are durable when it resolves. If it rejects, any of them may have been published: readers tolerate a
   * repetition.
   */
  publish(records: OutgoingRecord[]): Promise<void>;
  /** Resolves when the broker responds. May be repeated. */
  open(): Promise<void>;
  /** Resolves when the broker responds. */
  ping(): Promise<void>;
  /** Safe before open, and twice. Later calls reject. */
  close(): Promise<void>;
};

/** A member of a consumer group. */
export type Consumer = {
  /**
   * Joins the group and delivers records to `handle`: one call at a time, with all records that have arrived, those of
   * a partition in order. Their offsets are committed after `handle` has resolved. If it rejects, or the process ends
   * before, they are delivered again, here or to another member: at least once. Resolves when the group is joined.
   * Rejects with `Unavailable`, whose message says what is missing, and may then be called again.
   */
  start(handle: (records: IncomingRecord[]) => Promise<void>): Promise<void>;
  /** Leaves the group, within a deadline. Safe before start, and twice. */
  stop(): Promise<void>;
  /** Why no records can arrive at the moment, in a sentence; `null` if they can. */
  notReadyReason(): string | null;
};
