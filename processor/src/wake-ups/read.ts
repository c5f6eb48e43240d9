import { type IncomingRecord, readExecution, unreadableRecord, type WakeUp } from "@sate/contracts";
import { failpoint } from "@sate/contracts/runtime";
import type { Claimer } from "../claims/claimer.ts";
import type { Ports } from "../ports.ts";
import type { NamedWakeUp } from "./queues.ts";

/**
 * Handles records of the executions topic. Resolves when they may be committed: those for processors that are served
 * here are enqueued, the claim under way is over, and the unreadable ones are in the dead letter queue. Those for other
 * processors are skipped, as another group of workers gets them too; one that names no processor causes a poll. Rejects
 * if the broker does not take the dead letters: then all of them must be delivered again, and enqueueing the readable
 * ones twice is harmless.
 */
export function createWakeUpReader(
  { publisher, processors, counters, log }: Ports,
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

  const isServed = (wakeUp: WakeUp): wakeUp is NamedWakeUp =>
    wakeUp.processor !== undefined && processors.find(wakeUp.processor) !== undefined;

  return async (records) => {
    counters.add("records", records.length);
    const wakeUps: WakeUp[] = [];
    const unreadable: { record: IncomingRecord; detail: string }[] = [];
    for (const record of records) {
      const reading = readExecution(record);
      if (reading.kind === "read") wakeUps.push(reading.record);
      else unreadable.push({ record, detail: reading.detail });
    }
    const served = wakeUps.filter(isServed);
    counters.add("wake_ups_skipped", wakeUps.length - served.length);
    if (wakeUps.some(({ processor }) => processor === undefined)) claimer.pollSoon();
    await Promise.all([claimer.enqueue(served), deadLetter(unreadable)]);
    failpoint("processor.enqueued");
  };
}
