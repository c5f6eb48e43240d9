import type { IncomingRecord, OutgoingRecord, RequestsApi } from "@sate/contracts";

/** A database, broker or service did not answer, or not in time. `message` is fit for any reader. */
export class Unavailable extends Error {
  override name = "Unavailable";
}

/** What a processor asks of requests-service. Every operation may be repeated; rejects with `Unavailable`. */
export type Requests = Pick<
  RequestsApi,
  | "registerWorker"
  | "heartbeat"
  | "endWorker"
  | "claim"
  | "claimAny"
  | "finish"
  | "handBack"
  | "markPublished"
>;

/** Publishes records durably: acknowledged by the broker when it resolves. All or nothing is not promised; repeating is safe for readers. */
export type Publisher = {
  publish(records: OutgoingRecord[]): Promise<void>;
  /** Resolves when the broker answers and the topics are there. */
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
   * group is joined, rejects with `Unavailable` and may be called again.
   */
  start(handle: (records: IncomingRecord[]) => Promise<void>): Promise<void>;
  /** Leaves the group, within a deadline. Safe before start, and twice. */
  stop(): Promise<void>;
  /** A sentence when nothing can arrive at the moment, else `null`. */
  complaint(): string | null;
};
