import {
  type DeadLetterDocument,
  type DeadLetterReason,
  headerNames,
  headerOf,
  type IncomingRecord,
  limits,
  type Reading,
  type ResultRecord,
  readOutcome,
  topics,
} from "@sate/contracts";
import { deadLetterOf } from "./dead-letter.ts";

/** A result, and the record that it was read from. */
export type ReadResult = { result: ResultRecord; record: IncomingRecord };

/** A record that belongs into the dead letter queue, and why. */
export type Unreadable = { record: IncomingRecord; detail: string };

export type Sorted = {
  results: ReadResult[];
  letters: DeadLetterDocument[];
  unreadable: Unreadable[];
};

/** Dead letters of these reasons are outcomes too: an execution that ended so has a failed result. */
const endingReasons: ReadonlySet<string> = new Set<DeadLetterReason>(["unexpected_error", "lost"]);

/**
 * What is to be done with these records. Pure, and never throws: anything at all may stand on a topic.
 *
 * - An outcome is a result to record. Which of the two outcome topics it stands on means nothing: its own
 *   `is_success` does.
 * - Whatever stands on the dead letter queue is a letter to keep. If it is the outcome of an execution that
 *   ended unexpectedly, it is a failed result to record as well. It is never published there again, or one
 *   unreadable record would go round for ever.
 * - Anything else is unreadable.
 */
export function sortRecords(records: IncomingRecord[]): Sorted {
  const sorted: Sorted = { results: [], letters: [], unreadable: [] };
  for (const record of records) {
    if (record.topic === topics.deadLetters) {
      sorted.letters.push(deadLetterOf(record));
      const result = unexpectedEnd(record);
      if (result) sorted.results.push({ result, record });
      continue;
    }
    const reading = readStorable(record);
    if (reading.kind === "read") sorted.results.push({ result: reading.record, record });
    else sorted.unreadable.push({ record, detail: reading.detail });
  }
  return sorted;
}

function unexpectedEnd(record: IncomingRecord): ResultRecord | null {
  if (!endingReasons.has(headerOf(record, headerNames.reason) ?? "")) return null;
  const reading = readStorable(record);
  // A success is never a dead letter, whatever stands there.
  return reading.kind === "read" && !reading.record.is_success ? reading.record : null;
}

/** A compressed batch may hold a record that is larger than a database takes. */
function readStorable(record: IncomingRecord): Reading<ResultRecord> {
  if ((record.value?.length ?? 0) > limits.recordBytesMax) {
    return { kind: "unreadable", detail: `It is larger than ${limits.recordBytesMax} bytes.` };
  }
  return readOutcome(record);
}
