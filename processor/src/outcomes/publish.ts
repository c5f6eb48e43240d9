import { type Outcome, type OutgoingRecord, outcomeMark, outcomeRecord, type Run } from "@sate/contracts";
import { errorFields, failpoint, microBatch } from "@sate/contracts/runtime";
import type { Ports } from "../ports.ts";

type PublisherPorts = Pick<Ports, "time" | "counters" | "log"> & {
  requests: Pick<Ports["requests"], "markPublished">;
  publisher: Pick<Ports["publisher"], "publish">;
};
type Stored = { record: OutgoingRecord; request_id: string; attempt: number };

/** The most that waits in memory, in records and in bytes of their values. */
const waitingRecordsMax = 4_096;
const waitingBytesMax = 64 * 1024 * 1024;
/** Per call of the publisher. */
const publishedAtOnce = {
  itemsMax: 256,
  sizeMax: 16 * 1024 * 1024,
  sizeOf: ({ record }: Stored) => sizeOf(record),
};
/** Marks of one call; the contract allows 4,096. */
const marksAtOnce = 1_024;
const clearPauseMs = 500;

/**
 * Publishes outcomes that are stored, and clears their outbox marks.
 *
 * - One publication is in flight at a time, with all outcomes that arrived meanwhile. Marks are cleared a little later,
 *   many at once. No run waits for either.
 * - What cannot be published, or exceeds the limits, is left: its mark stands, and requests-service publishes it. So
 *   is what was published and whose mark could not be cleared: readers then get it twice, which is harmless.
 */
export function createOutcomePublisher({ requests, publisher, time, counters, log }: PublisherPorts) {
  let waitingRecords = 0;
  let waitingBytes = 0;
  let publishing: Promise<unknown> = Promise.resolve();
  const published: Stored[] = [];
  let cancelClear: (() => void) | null = null;
  let clearing: Promise<void> = Promise.resolve();

  const publish = microBatch(publishAll, publishedAtOnce);

  async function publishAll(batch: Stored[]): Promise<unknown[]> {
    try {
      await publisher.publish(batch.map(({ record }) => record));
      failpoint("processor.published");
      counters.add("outcomes_published", batch.length);
      published.push(...batch);
      cancelClear ??= time.after(clearPauseMs, clear);
    } catch (error) {
      counters.add("outcomes_left_to_sweep", batch.length);
      const fields = { records: batch.length, ...errorFields(error) };
      log.warn("could not publish outcomes; requests-service will", fields);
    }
    waitingRecords -= batch.length;
    for (const { record } of batch) waitingBytes -= sizeOf(record);
    return batch;
  }

  function clear(): void {
    cancelClear = null;
    while (published.length > 0) {
      const marks = published.splice(0, marksAtOnce).map(({ request_id, attempt }) => {
        return { request_id, attempt, mark: outcomeMark };
      });
      clearing = clearing
        .then(() => requests.markPublished({ published: marks }))
        .then(() => counters.add("marks_cleared", marks.length))
        .catch((error) => log.warn("could not clear outbox marks", errorFields(error)));
    }
  }

  return {
    publishSoon(run: Run, outcome: Outcome): void {
      const { request_id, attempt } = run;
      const record = outcomeRecord(run, outcome);
      if (waitingRecords >= waitingRecordsMax || waitingBytes + sizeOf(record) > waitingBytesMax) {
        counters.add("outcomes_left_to_sweep");
        return;
      }
      waitingRecords++;
      waitingBytes += sizeOf(record);
      publishing = publish({ record, request_id, attempt });
    },
    /** Publishes and clears what is under way, within the deadlines of its ports. */
    async flush(): Promise<void> {
      await publishing;
      cancelClear?.();
      clear();
      await clearing;
    },
  };
}

export type OutcomePublisher = ReturnType<typeof createOutcomePublisher>;

function sizeOf({ value }: OutgoingRecord): number {
  return value?.length ?? 0;
}
