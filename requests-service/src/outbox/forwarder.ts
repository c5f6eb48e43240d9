import { type OutgoingRecord, Unavailable } from "@sate/contracts";
import { errorFields, failpoint, inParts, microBatch } from "@sate/contracts/runtime";
import { pagesOf } from "../pages.ts";
import type { Ports } from "../ports.ts";

/**
 * The transactional outbox of one kind of entries: an entry is written with the state change that it belongs to, and
 * published at least once.
 *
 * - The fast path: `publishSoon`, right after the write. The entry is published with everything that was written
 *   meanwhile, and cleared a little later, many at once. Nothing waits for either.
 * - The safe path: `sweep` publishes entries that an earlier sweep has seen and that still exist: the process that wrote
 *   them has died, or the broker was away.
 *
 * Entries are compared with what this process itself saw before, never with a clock of another machine.
 */
export type Forwarder<Entry> = {
  publishSoon(pending: Pending<Entry>): void;
  /** Rejects when the database or the broker does not respond; the next sweep continues where this one failed. */
  sweep(): Promise<void>;
  /** Publishes and clears everything that waits, until the first failure. A sweep publishes the rest. */
  flush(): Promise<void>;
};

/** An entry and its record, which is made when it is published. */
export type Pending<Entry> = {
  entry: Entry;
  /** Its size in memory, in UTF-16 units: only the order of magnitude matters. */
  size: number;
  record: () => OutgoingRecord;
};

/** One kind of entries in the database. */
export type Entries<Entry> = {
  /** A page of them, in a fixed order, those after `after`. */
  page(page: { after?: Entry | undefined; limit: number }): Promise<Entry[]>;
  /** Those of these that still exist, to be published. */
  load(entries: Entry[]): Promise<Pending<Entry>[]>;
  /** Deletes those that are published. */
  clear(published: Entry[]): Promise<void>;
  /** The same for the same entry, whichever process reads it. */
  nameOf(entry: Entry): string;
};

/** The most entries that wait in memory or are being published. The sweep publishes the rest. */
const waitingMax = 5_000;
const waitingSizeMax = 64 * 1024 * 1024;
/** Per call of the publisher. */
const publishedAtOnce = { itemsMax: 256, sizeMax: 16 * 1024 * 1024 };
/** Per sweep: entries read, and those held in memory at once with their payloads. */
const pageSize = 1_000;
const entriesPerSweep = 20_000;
const loadedAtOnce = 32;
/** After this many consecutive failed calls of the publisher, the sweep considers the broker unavailable. */
const failuresPerSweep = 3;
const clearPauseMs = 500;

export function createForwarder<Entry>(
  entries: Entries<Entry>,
  { publisher, random, counters, log }: Ports,
): Forwarder<Entry> {
  const waiting = new Set<Promise<void>>();
  let waitingSize = 0;
  /** A flush precedes a stop, so after the first failed call it publishes nothing more. */
  let flushing: "no" | "yes" | "failed" = "no";
  const published: Entry[] = [];
  let clearTimer: ReturnType<typeof setTimeout> | null = null;
  let clearing: Promise<void> = Promise.resolve();
  let seenBefore = new Set<string>();
  let hasFailed = false;

  const publishOne = microBatch(publishWaiting, {
    ...publishedAtOnce,
    sizeOf: ({ size }: Pending<Entry>) => size,
  });

  /** Returns, for each, whether it is published. */
  async function publishWaiting(batch: Pending<Entry>[]): Promise<boolean[]> {
    if (flushing === "failed") return batch.map(() => false);
    try {
      await publish(batch);
      return batch.map(() => true);
    } catch (error) {
      if (flushing === "yes") flushing = "failed";
      // Not a warning: it is usual at a stop, and at the start of standalone after a crash. A broker that stays away is one.
      const fields = { records: batch.length, ...errorFields(error) };
      log.info("publishing failed; the outbox sweep will publish", fields);
      return batch.map(() => false);
    }
  }

  async function publish(batch: Pending<Entry>[]): Promise<void> {
    await publisher.publish(batch.map(({ record }) => record()));
    failpoint("requests-service.published");
    published.push(...batch.map(({ entry }) => entry));
    clearTimer ??= setTimeout(clear, clearPauseMs);
  }

  /** One write at a time, with everything published meanwhile; after a failure the sweep publishes again. */
  function clear(): Promise<void> {
    if (clearTimer !== null) clearTimeout(clearTimer);
    clearTimer = null;
    clearing = clearing.then(async () => {
      const done = published.splice(0);
      if (done.length === 0) return;
      await entries.clear(done).catch((error) => {
        log.warn("clearing the outbox failed; the outbox sweep will publish again", errorFields(error));
      });
    });
    return clearing;
  }

  /** Returns those that could not be published. */
  async function publishOld(old: Entry[], budget: { failures: number }): Promise<Entry[]> {
    // After failures it begins anywhere: entries that the broker never accepts must not always come first.
    const from = hasFailed ? Math.floor(random() * old.length) : 0;
    const inOrder = [...old.slice(from), ...old.slice(0, from)];
    const failed: Entry[] = [];
    for (const chunk of inParts(inOrder, { itemsMax: loadedAtOnce })) {
      failed.push(...(await publishChunk(chunk, budget)));
    }
    return failed;
  }

  async function publishChunk(chunk: Entry[], budget: { failures: number }): Promise<Entry[]> {
    if (budget.failures === 0) return chunk;
    let pending: Pending<Entry>[];
    try {
      pending = await entries.load(chunk);
      await publish(pending);
    } catch (error) {
      budget.failures--;
      log.warn("the outbox sweep failed to publish", { records: chunk.length, ...errorFields(error) });
      if (chunk.length === 1) return chunk;
      // One that cannot be read, or that the broker never accepts, must not hold up the others.
      const failed: Entry[] = [];
      for (const one of chunk) failed.push(...(await publishChunk([one], budget)));
      return failed;
    }
    if (pending.length > 0) budget.failures = failuresPerSweep;
    counters.add("outbox_swept", pending.length);
    return [];
  }

  return {
    publishSoon(pending) {
      if (waiting.size >= waitingMax || waitingSize + pending.size > waitingSizeMax) {
        counters.add("outbox_left_to_sweep");
        return;
      }
      waitingSize += pending.size;
      const end = publishOne(pending).then((isPublished) => {
        if (!isPublished) counters.add("outbox_left_to_sweep");
        waitingSize -= pending.size;
        waiting.delete(end);
      });
      waiting.add(end);
    },

    async sweep() {
      const seen = new Set<string>();
      const budget = { failures: failuresPerSweep };
      let failed = 0;
      for await (const page of pagesOf(entries.page, pageSize, entriesPerSweep)) {
        const { old = [], fresh = [] } = Object.groupBy(page, (entry) =>
          seenBefore.has(entries.nameOf(entry)) ? "old" : "fresh",
        );
        const stillOld = await publishOld(old, budget);
        for (const entry of [...fresh, ...stillOld]) seen.add(entries.nameOf(entry));
        failed += stillOld.length;
      }
      seenBefore = seen;
      hasFailed = failed > 0;
      if (hasFailed) throw new Unavailable("The outbox could not be published.");
    },

    async flush() {
      flushing = "yes";
      await Promise.all(waiting);
      flushing = "no";
      await clear();
    },
  };
}
