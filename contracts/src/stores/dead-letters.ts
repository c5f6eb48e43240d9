import type { DeadLetterEntry } from "../internal/results-api/dead-letter-operations.ts";
import { type DeadLetterSubject, deadLetterSubject } from "../records/dead-letter-subject.ts";
import { topics } from "../records/topics.ts";

/**
 * A record of the dead letter queue as it was received, and what it is about. It is written once and never changed.
 * Documents of version 0.1.0 in MongoDB have none of the fields of `DeadLetterSubject`.
 */
export type DeadLetterDocument = {
  /** Its `dead-letter-id`, the same in every repetition of it; without one, its position and time. */
  _id: string;
  /** When it was published: the record's timestamp in epoch ms. Newest first means `time`, then `_id`, descending. */
  time: number;
  /** Its position in the dead letter queue. Offsets have 64 bits, so they are digits. */
  partition: number;
  offset: string;
  /** A `DeadLetterReason`, or whatever the header contained; `null` without the header. */
  reason: string | null;
  detail: string | null;
  /** The origin of an unreadable record; `null` for any other dead letter. */
  origin_topic: string | null;
  origin_partition: number | null;
  origin_offset: string | null;
  key: Uint8Array | null;
  value: Uint8Array | null;
  /** JSON: name → value in base64. */
  headers: string;
  /** Sentences about what is missing from the record, and why; `null` if it was stored whole. */
  cut: string | null;
} & DeadLetterSubject;

/** The columns of `DeadLetterSubject` in SQLite, which files of earlier schema versions lack. */
export const deadLetterSubjectColumns = {
  request_id: "TEXT",
  attempt: "INTEGER",
  execution_id: "TEXT",
  processor: "TEXT",
};

/** The part of the schema of the Results DB in SQLite. */
export const deadLettersSchema = `
  CREATE TABLE IF NOT EXISTS dead_letters (
    _id TEXT PRIMARY KEY NOT NULL,
    time INTEGER NOT NULL,
    "partition" INTEGER NOT NULL,
    "offset" TEXT NOT NULL,
    reason TEXT,
    detail TEXT,
    origin_topic TEXT,
    origin_partition INTEGER,
    origin_offset TEXT,
    "key" BLOB,
    value BLOB,
    headers TEXT NOT NULL,
    cut TEXT,
    ${Object.entries(deadLetterSubjectColumns)
      .map((column) => column.join(" "))
      .join(", ")}
  ) STRICT;
  CREATE INDEX IF NOT EXISTS newest_dead_letters ON dead_letters (time DESC, _id DESC);
  CREATE INDEX IF NOT EXISTS dead_letters_of_reason ON dead_letters (reason, time DESC, _id DESC);
  CREATE INDEX IF NOT EXISTS dead_letters_of_processor ON dead_letters (processor, time DESC, _id DESC, reason);
  CREATE INDEX IF NOT EXISTS dead_letters_of_request ON dead_letters (request_id);
`;

/**
 * The same indexes in MongoDB: to list dead letters, newest first, and to delete old ones or those of a request. A list
 * of a processor and a reason finds the reason in the index, so it reads only the documents that it returns.
 */
export const deadLettersIndexes: Record<string, 1 | -1>[] = [
  { time: -1, _id: -1 },
  { reason: 1, time: -1, _id: -1 },
  { processor: 1, time: -1, _id: -1, reason: 1 },
  { request_id: 1 },
];

/** A stored dead letter without its key, value and headers, as an entry of a list. */
export function deadLetterEntryOf(
  stored: Omit<DeadLetterDocument, "key" | "value" | "headers">,
): DeadLetterEntry {
  const { _id, time, partition, offset, ...rest } = stored;
  const known = Object.entries(rest).filter(([, value]) => value !== null && value !== undefined);
  return { id: _id, time, partition, offset, ...Object.fromEntries(known) };
}

/** What a stored dead letter is about, read from its record again: earlier versions did not store it. */
export function subjectOfStored(
  stored: Pick<DeadLetterDocument, "partition" | "offset" | "time" | "key" | "value" | "headers">,
): DeadLetterSubject {
  const encoded = Object.entries(JSON.parse(stored.headers) as Record<string, string>);
  const headers = Object.fromEntries(encoded.map(([name, text]) => [name, Buffer.from(text, "base64")]));
  return deadLetterSubject({ ...stored, topic: topics.deadLetters, timestamp: String(stored.time), headers });
}
