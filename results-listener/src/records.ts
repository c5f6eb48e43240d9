import { type IncomingRecord, unreadableRecord } from "@sate/contracts";
import type { Counters } from "./counters.ts";
import type { Log } from "./log.ts";
import type { Publisher, ResultsWriter } from "./ports.ts";
import { type Sorted, sortRecords } from "./sorting.ts";

/**
 * What happens to records of the outcome topics. Resolves when they may be committed: results and dead
 * letters are stored, and what cannot be read is in the dead letter queue. Rejects otherwise: then all of
 * them come again, and storing them once more changes nothing.
 */
export function createRecords(parts: {
  writer: Pick<ResultsWriter, "record" | "keep">;
  publisher: Pick<Publisher, "publish">;
  counters: Counters;
  log: Log;
}): (records: IncomingRecord[]) => Promise<void> {
  const { writer, publisher, counters, log } = parts;

  async function record({ results }: Sorted): Promise<void> {
    if (results.length === 0) return;
    const conflicting = await writer.record(results);
    counters.add("results_recorded", results.length - conflicting.length);
    for (const { request_id, execution_id } of conflicting) {
      counters.add("results_conflicting");
      log.error("an execution has another result already, which stands", { request_id, execution_id });
    }
  }

  async function keep({ letters }: Sorted): Promise<void> {
    if (letters.length === 0) return;
    await writer.keep(letters);
    counters.add("dead_letters_kept", letters.length);
  }

  async function bury({ unreadable }: Sorted): Promise<void> {
    if (unreadable.length === 0) return;
    await publisher.publish(unreadable.map(({ record, detail }) => unreadableRecord(record, detail)));
    counters.add("dead_letters_published", unreadable.length);
    for (const { record, detail } of unreadable) {
      const { topic, partition, offset } = record;
      log.warn("a record cannot be read; it is in the dead letter queue", {
        topic,
        partition,
        offset,
        detail,
      });
    }
  }

  return async (records) => {
    counters.add("records", records.length);
    const sorted = sortRecords(records);
    await Promise.all([record(sorted), keep(sorted), bury(sorted)]);
  };
}
