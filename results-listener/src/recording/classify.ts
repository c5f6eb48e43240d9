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
import { deadLetterDocument } from "./dead-letter-document.ts";

/** A result, and the record that it was read from. */
export type ReadResult = { result: ResultRecord; record: IncomingRecord };

/** A record to publish to the dead letter queue, and why. */
export type BadRecord = { record: IncomingRecord; detail: string };

type Classified = {
  results: ReadResult[];
  deadLetters: DeadLetterDocument[];
  bad: BadRecord[];
};

/** Dead letters with these reasons are outcomes too: an execution that ended so has a failed result. */
const outcomeReasons: ReadonlySet<string> = new Set<DeadLetterReason>(["unexpected_error", "lost"]);

/**
 * Decides what each record is. Pure, and never throws, because a topic may contain anything.
 *
 * - On an outcome topic, a readable outcome is a result. Which of the two topics it is on does not matter: its own
 *   `is_success` does. Anything else is bad.
 * - On the dead letter queue, every record is a dead letter. If it is the outcome of an execution that ended
 *   unexpectedly, it is also a failed result. It is never bad, or one bad record would circulate forever.
 */
export function classify(records: IncomingRecord[]): Classified {
  const classified: Classified = { results: [], deadLetters: [], bad: [] };
  for (const record of records) {
    const reading = readStorable(record);
    const result = reading.kind === "read" ? reading.record : null;
    if (record.topic === topics.deadLetters) {
      classified.deadLetters.push(deadLetterDocument(record));
      // A success is never a dead letter, whatever the header says.
      const isOutcome = outcomeReasons.has(headerOf(record, headerNames.reason) ?? "");
      if (isOutcome && result && !result.is_success) classified.results.push({ result, record });
    } else if (reading.kind === "read") {
      classified.results.push({ result: reading.record, record });
    } else {
      classified.bad.push({ record, detail: reading.detail });
    }
  }
  return classified;
}

/** A compressed batch may contain a record that is larger than a database takes. */
function readStorable(record: IncomingRecord): Reading<ResultRecord> {
  if ((record.value?.length ?? 0) > limits.recordBytesMax) {
    return { kind: "unreadable", detail: `The value is larger than ${limits.recordBytesMax} bytes.` };
  }
  return readOutcome(record);
}
