import { type ExecutionRef, type IncomingRecord, readExecution, unreadableRecord } from "@sate/contracts";
import { failpoint } from "@sate/contracts/runtime";
import type { Claimer } from "../claims/claimer.ts";
import type { Ports } from "../ports.ts";

/**
 * Handles records of the executions topic. Resolves when they may be committed: the readable ones are enqueued, the
 * claim under way is over, and the others are in the dead letter queue. Rejects if the broker does not take the dead
 * letters: then all of them must be delivered again, and enqueueing the readable ones twice is harmless.
 */
export function createWakeUpReader(
  { publisher, counters, log }: Ports,
  claimer: Claimer,
): (records: IncomingRecord[]) => Promise<void> {
  async function deadLetter(unreadable: { record: IncomingRecord; detail: string }[]): Promise<void> {
    if (unreadable.length === 0) return;
    await publisher.publish(unreadable.map(({ record, detail }) => unreadableRecord(record, detail)));
    counters.add("dead_letters", unreadable.length);
    for (const { record, detail } of unreadable) {
      const { topic, partition, offset } = record;
      log.warn("unreadable record dead-lettered", { topic, partition, offset, detail });
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
    await Promise.all([claimer.enqueue(refs), deadLetter(unreadable)]);
    failpoint("processor.enqueued");
  };
}
