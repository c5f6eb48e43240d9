import { topics, unreadableRecord } from "@sate/contracts";
import { failpoint } from "./failpoint.ts";
import type { Publisher, ResultsWriter } from "./ports.ts";
import type { Log } from "./runtime/log.ts";
import type { Counters } from "./runtime/metrics.ts";
import { type ReadResult, sortRecords, type Unreadable } from "./sorting.ts";

/**
 * Handles records as a `Consumer` hands them over. When it resolves, each of them is durable where it belongs,
 * and its offset may be committed: results and dead letters in the Results DB, unreadable records in the dead
 * letter queue. Rejects only when something outside does not answer; then some of it may have happened, and
 * all of it can be repeated.
 */
export type Recorder = (records: Parameters<typeof sortRecords>[0]) => Promise<void>;

export function createRecorder(parts: {
  writer: Pick<ResultsWriter, "record" | "keep">;
  publisher: Pick<Publisher, "publish">;
  counters: Counters;
  log: Log;
}): Recorder {
  const { writer, publisher, counters, log } = parts;

  async function record(read: ReadResult[]): Promise<void> {
    if (read.length === 0) return;
    const answers = await writer.record(read.map(({ result }) => result));
    const refused: Unreadable[] = [];
    for (const [index, item] of read.entries()) {
      const answer = answers[index];
      switch (answer) {
        case "stored":
          counters.add("results_recorded");
          break;
        case "repeated":
          counters.add("results_repeated");
          break;
        case "conflicting":
          counters.add("results_conflicting");
          log.warn("an execution has a result already; another one is not recorded", namesOf(item));
          break;
        case "refused":
          counters.add("results_refused");
          log.error("the Results DB refuses a result; it is a dead letter now", namesOf(item));
          // A dead letter is kept as such already, and must not be published once more.
          if (item.record.topic === topics.deadLetters) break;
          refused.push({ record: item.record, detail: "The Results DB refuses it." });
          break;
        case undefined:
          throw new Error("the writer did not answer for every result");
      }
    }
    await bury(refused);
  }

  async function keep(letters: ReturnType<typeof sortRecords>["letters"]): Promise<void> {
    if (letters.length === 0) return;
    const answers = await writer.keep(letters);
    const kept = answers.filter(Boolean).length;
    counters.add("dead_letters_kept", kept);
    if (kept === answers.length) return;
    counters.add("dead_letters_refused", answers.length - kept);
    for (const [index, { partition, offset }] of letters.entries()) {
      if (answers[index]) continue;
      log.error("the Results DB refuses a dead letter; it stands only in its topic", { partition, offset });
    }
  }

  async function bury(unreadable: Unreadable[]): Promise<void> {
    if (unreadable.length === 0) return;
    await publisher.publish(unreadable.map(({ record, detail }) => unreadableRecord(record, detail)));
    counters.add("records_unreadable", unreadable.length);
    for (const { record, detail } of unreadable) {
      const { topic, partition, offset } = record;
      log.warn("a record is a dead letter now", { topic, partition, offset, detail });
    }
  }

  return async (records) => {
    const { results, letters, unreadable } = sortRecords(records);
    // All end before one of them rejects: a repetition must not meet what it repeats.
    const ends = await Promise.allSettled([record(results), keep(letters), bury(unreadable)]);
    for (const end of ends) if (end.status === "rejected") throw end.reason;
    failpoint("results-listener.recorded");
  };
}

function namesOf({ result: { request_id, attempt, execution_id, id } }: ReadResult) {
  return { request_id, attempt, execution_id, result_id: id };
}
