import { type Outcome, type OutgoingRecord, outcomeMark, outcomeRecord, type Run } from "@sate/contracts";
import { failpoint } from "./failpoint.ts";
import type { Publisher, Requests } from "./ports.ts";
import { errorFields, type Log } from "./runtime/log.ts";
import type { Counters } from "./runtime/metrics.ts";
import type { Time } from "./time.ts";

/**
 * Publishes outcomes that are stored, and clears their outbox marks.
 *
 * - One publish at a time, with all that has gathered meanwhile; the marks a little later, many at once.
 *   Nobody waits for either.
 * - What cannot be published, or finds no place here, is left: its mark stands, and the sweeper of
 *   requests-service publishes it. So is what was published and whose mark could not be cleared: a reader
 *   then gets it twice, which is harmless.
 */
export type Announcer = {
  announce(run: Run, outcome: Outcome): void;
  /** Publishes and clears what is under way, within the deadlines of its ports. */
  flush(): Promise<void>;
};

type Announced = { record: OutgoingRecord; request_id: string; attempt: number };

/** What waits in memory, in records and in bytes of their values. */
const waitingMax = 4_096;
const waitingBytesMax = 64 * 1024 * 1024;
const publishedAtOnce = 256;
/** Marks of one call; the contract allows 4,096. */
const marksAtOnce = 1_024;
const clearPauseMs = 500;

export function createAnnouncer(parts: {
  requests: Pick<Requests, "markPublished">;
  publisher: Pick<Publisher, "publish">;
  time: Time;
  counters: Counters;
  log: Log;
}): Announcer {
  const { requests, publisher, time, counters, log } = parts;
  const waiting: Announced[] = [];
  let waitingBytes = 0;
  let publishing: Promise<void> | null = null;
  const published: Announced[] = [];
  let cancelClear: (() => void) | null = null;
  let clearing: Promise<void> = Promise.resolve();

  async function publishAll(): Promise<void> {
    while (waiting.length > 0) {
      const batch = waiting.splice(0, publishedAtOnce);
      try {
        await publisher.publish(batch.map(({ record }) => record));
        failpoint("processor.published");
        counters.add("outcomes_published", batch.length);
        published.push(...batch);
        cancelClear ??= time.after(clearPauseMs, clear);
      } catch (error) {
        counters.add("outcomes_left_to_sweep", batch.length);
        log.warn("could not publish outcomes; requests-service will", {
          records: batch.length,
          ...errorFields(error),
        });
      }
      for (const { record } of batch) waitingBytes -= sizeOf(record);
    }
    publishing = null;
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
    announce(run, outcome) {
      const { request_id, attempt } = run;
      const record = outcomeRecord(run, outcome);
      if (waiting.length >= waitingMax || waitingBytes + sizeOf(record) > waitingBytesMax) {
        counters.add("outcomes_left_to_sweep");
        return;
      }
      waiting.push({ record, request_id, attempt });
      waitingBytes += sizeOf(record);
      publishing ??= Promise.resolve().then(publishAll);
    },
    async flush() {
      await publishing;
      cancelClear?.();
      clear();
      await clearing;
    },
  };
}

function sizeOf({ value }: OutgoingRecord): number {
  return value?.length ?? 0;
}
