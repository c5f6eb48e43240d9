import { type ExecutionRef, type IncomingRecord, readExecution, unreadableRecord } from "@sate/contracts";
import { failpoint } from "./failpoint.ts";
import type { Publisher } from "./ports.ts";
import type { Log } from "./runtime/log.ts";
import type { Counters } from "./runtime/metrics.ts";

/**
 * What happens to records of the executions topic. Resolves when they may be committed: those that can be
 * read were heard, those that cannot be are in the dead letter queue. Rejects if that does not take them: then
 * they all must come again, and hearing the others once more is harmless.
 */
export function createRecords(parts: {
  hear: (refs: ExecutionRef[]) => Promise<void>;
  publisher: Pick<Publisher, "publish">;
  counters: Counters;
  log: Log;
}): (records: IncomingRecord[]) => Promise<void> {
  const { hear, publisher, counters, log } = parts;

  async function bury(unreadable: { record: IncomingRecord; detail: string }[]): Promise<void> {
    if (unreadable.length === 0) return;
    await publisher.publish(unreadable.map(({ record, detail }) => unreadableRecord(record, detail)));
    counters.add("dead_letters", unreadable.length);
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
    const refs: ExecutionRef[] = [];
    const unreadable: { record: IncomingRecord; detail: string }[] = [];
    for (const record of records) {
      const reading = readExecution(record);
      if (reading.kind === "read") refs.push(reading.record);
      else unreadable.push({ record, detail: reading.detail });
    }
    await Promise.all([hear(refs), bury(unreadable)]);
    failpoint("processor.heard");
  };
}
