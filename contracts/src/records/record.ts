import type { Topic } from "./topics.ts";

/** A record to publish. `key` is the processing request's id; `null` only in the dead letter of an unreadable record. */
export type OutgoingRecord = {
  topic: Topic;
  key: string | Uint8Array | null;
  /** `null` only in the dead letter of a record without a value. */
  value: string | Uint8Array | null;
  /** Bytes only in a record that is published again as it was. */
  headers: Record<string, string | Buffer>;
};

/** A record as a consumer received it. */
export type IncomingRecord = {
  topic: string;
  partition: number;
  /** Decimal digits: offsets have 64 bits. */
  offset: string;
  /** The broker's or the producer's time in epoch ms, as digits. */
  timestamp: string;
  key: Uint8Array | null;
  value: Uint8Array | null;
  headers: Record<string, Uint8Array>;
};

/** `detail` says in one sentence what is wrong with the record, without repeating any of it. */
export type Reading<T> = { kind: "read"; record: T } | Unreadable;
export type Unreadable = { kind: "unreadable"; detail: string };
