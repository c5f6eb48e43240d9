import {
  type DeadLetterDocument,
  type IncomingRecord,
  type Publisher,
  topics,
  unreadableRecord,
} from "@sate/contracts";
import { type Counters, failpoint, type Log } from "@sate/contracts/runtime";
import type { Recorded, ResultsWriter } from "../ports.ts";
import { type BadRecord, classify, type ReadResult } from "./classify.ts";

const counterOf: Record<Recorded, string> = {
  stored: "results_recorded",
  repeated: "results_repeated",
  conflicting: "results_conflicting",
  removed: "results_of_removed",
  refused: "results_refused",
};

/**
 * Handles records as a `Consumer` delivers them. When it resolves, every record is durable where it belongs, so its
 * offset may be committed: results and dead letters in the Results DB, bad records in the dead letter queue. Rejects
 * only when a dependency fails; some of the writes may then have happened, and all of them can be repeated.
 */
export type Recorder = (records: IncomingRecord[]) => Promise<void>;

export function createRecorder(parts: {
  writer: Pick<
    ResultsWriter,
    "recordResults" | "storeDeadLetters" | "removedRequests" | "removeDeadLetters" | "now"
  >;
  publisher: Pick<Publisher, "publish">;
  counters: Counters;
  log: Log;
  /** How long dead letters are kept; 0 is for ever. */
  deadLettersKeptMs: number;
}): Recorder {
  const { writer, publisher, counters, log, deadLettersKeptMs } = parts;

  async function recordResults(read: ReadResult[]): Promise<void> {
    const answers = await writer.recordResults(read.map(({ result }) => result));
    const refused: BadRecord[] = [];
    for (const [index, { result, record }] of read.entries()) {
      const answer = answers[index] ?? "refused";
      counters.add(counterOf[answer]);
      const { request_id, attempt, execution_id, id } = result;
      const names = { request_id, attempt, execution_id, result_id: id };
      if (answer === "conflicting") {
        log.warn("execution already has another result; the new one was not recorded", names);
      } else if (answer === "refused") {
        log.error("result refused by the Results DB; it is a dead letter", names);
        // A record of the dead letter queue is stored as a dead letter anyway, and is not published there again.
        const isDeadLetter = record.topic === topics.deadLetters;
        if (!isDeadLetter) refused.push({ record, detail: "The Results DB refused the result." });
      }
    }
    await deadLetter(refused);
  }

  /** Those that are too old to be kept, or whose request was removed, are not stored, or not for long. */
  async function storeDeadLetters(wanted: DeadLetterDocument[]): Promise<void> {
    const young = deadLettersKeptMs === 0 ? wanted : await notOlder(wanted, deadLettersKeptMs);
    const deadLetters = await withRequest(young);
    await storeEach(deadLetters);
    // A removal may not have seen what was stored since: now, or at an earlier delivery that ended before this line.
    const still = new Set(await withRequest(deadLetters));
    await writer.removeDeadLetters(young.flatMap((one) => (still.has(one) ? [] : one._id)));
    const left = wanted.length - still.size;
    if (left > 0) counters.add("dead_letters_of_removed", left);
  }

  async function notOlder(wanted: DeadLetterDocument[], keptMs: number): Promise<DeadLetterDocument[]> {
    if (wanted.length === 0) return [];
    const instant = (await writer.now()) - keptMs;
    return wanted.filter(({ time }) => time >= instant);
  }

  /** Those whose request is not removed, as far as they name it. */
  async function withRequest(deadLetters: DeadLetterDocument[]): Promise<DeadLetterDocument[]> {
    const ids = deadLetters.flatMap(({ request_id }) => request_id ?? []);
    const removed = await writer.removedRequests([...new Set(ids)]);
    return deadLetters.filter(({ request_id }) => request_id === null || !removed.has(request_id));
  }

  async function storeEach(deadLetters: DeadLetterDocument[]): Promise<void> {
    const areStored = await writer.storeDeadLetters(deadLetters);
    for (const [index, { partition, offset }] of deadLetters.entries()) {
      if (areStored[index]) {
        counters.add("dead_letters_kept");
      } else {
        counters.add("dead_letters_refused");
        log.error("dead letter refused by the Results DB; it is only in its topic", { partition, offset });
      }
    }
  }

  async function deadLetter(bad: BadRecord[]): Promise<void> {
    if (bad.length === 0) return;
    await publisher.publish(bad.map(({ record, detail }) => unreadableRecord(record, detail)));
    for (const { record, detail } of bad) {
      const { topic, partition, offset } = record;
      counters.add("records_unreadable");
      log.warn("record published to the dead letter queue", { topic, partition, offset, detail });
    }
  }

  return async (records) => {
    const { results, deadLetters, bad } = classify(records);
    // All settle before one rejects: a redelivery must not overlap with the writes that it repeats.
    const writes = [recordResults(results), storeDeadLetters(deadLetters), deadLetter(bad)];
    for (const write of await Promise.allSettled(writes)) if (write.status === "rejected") throw write.reason;
    failpoint("results-listener.recorded");
  };
}
