import type { OutgoingRecord } from "@sate/contracts";
import { failpoint } from "./failpoint.ts";
import { type Publisher, Unavailable } from "./ports.ts";
import { errorFields, type Log } from "./runtime/log.ts";
import type { Counters } from "./runtime/metrics.ts";

/**
 * Publishes what is decided in the database, at least once, though database and broker know nothing of each other. That
 * something must be published stands in the database, written by the same write that decided it: an entry.
 *
 * - The fast way: whoever wrote an entry calls `wake`; it is published with all that has gathered meanwhile,
 *   and its entry is cleared a little later, many at once. Nobody waits for either.
 * - The sure way: `sweep` publishes entries that it has seen in an earlier sweep and that still stand: the
 *   process that wrote them has died, or the broker was away.
 *
 * Entries are compared with what this process itself saw before, never with a clock of another machine.
 */
export type Forwarder<Entry> = {
  wake(letter: Letter<Entry>): void;
  /** Rejects when the database or the broker does not answer; the next sweep goes on where this one failed. */
  sweep(): Promise<void>;
  /** Publishes and clears what waits, until the first failure: the rest is left to a sweep. */
  flush(): Promise<void>;
};

/** An entry and its record, which is made when it is published. */
export type Letter<Entry> = {
  entry: Entry;
  /** What it holds in memory, in UTF-16 units: the order of magnitude is all that matters. */
  size: number;
  record: () => OutgoingRecord;
};

/** One kind of entries, as the database has them. */
export type Entries<Entry> = {
  /** A page of them, in a fixed order, those after `after`. */
  page(page: { after?: Entry | undefined; limit: number }): Promise<Entry[]>;
  /** Of those that still stand, what is to be published. */
  load(entries: Entry[]): Promise<Letter<Entry>[]>;
  /** Forgets those that are published. */
  clear(published: Entry[]): Promise<void>;
  /** The same for the same entry, whoever reads it. */
  nameOf(entry: Entry): string;
};

/** What waits in memory or is being published; beyond it the sweep publishes. */
const waitingMax = 5_000;
const waitingSizeMax = 64 * 1024 * 1024;
/** Of one call of the publisher. */
const publishedAtOnce = 256;
const publishedSizeAtOnce = 16 * 1024 * 1024;
/** Of one sweep: entries looked at, and those held in memory at once with all that is published of them. */
const pageSize = 1_000;
const entriesPerSweep = 20_000;
const loadedAtOnce = 32;
/** Calls of the publisher that may fail in one sweep: then the broker is taken to be away. */
const failuresPerSweep = 3;
const clearPauseMs = 500;

export function createForwarder<Entry>(parts: {
  entries: Entries<Entry>;
  publisher: Pick<Publisher, "publish">;
  counters: Counters;
  log: Log;
}): Forwarder<Entry> {
  const { entries, publisher, counters, log } = parts;
  const waiting: Letter<Entry>[] = [];
  let waitingSize = 0;
  let publishing: Promise<void> | null = null;
  let isFlushing = false;
  let published: Entry[] = [];
  let clearTimer: ReturnType<typeof setTimeout> | null = null;
  let clearing: Promise<void> = Promise.resolve();
  let seenBefore = new Set<string>();

  async function publishWaiting(): Promise<void> {
    while (waiting.length > 0) {
      const batch = waiting.splice(0, firstOf(waiting));
      try {
        await publish(batch);
      } catch (error) {
        // Who flushes wants to stop, and one deadline of the broker is enough to wait for.
        const left = isFlushing ? [...batch, ...waiting.splice(0)] : batch;
        counters.add("outbox_left_to_sweep", left.length);
        log.warn("could not publish; the sweep will", { records: left.length, ...errorFields(error) });
        for (const { size } of left) waitingSize -= size;
        continue;
      }
      for (const { size } of batch) waitingSize -= size;
    }
    publishing = null;
  }

  async function publish(batch: Letter<Entry>[]): Promise<void> {
    await publisher.publish(batch.map(({ record }) => record()));
    failpoint("requests-service.published");
    published.push(...batch.map(({ entry }) => entry));
    clearTimer ??= setTimeout(clear, clearPauseMs);
  }

  /** One write at a time, with all that has gathered; a failure leaves the entries to the sweep. */
  function clear(): Promise<void> {
    if (clearTimer !== null) clearTimeout(clearTimer);
    clearTimer = null;
    clearing = clearing.then(async () => {
      const done = published;
      published = [];
      if (done.length === 0) return;
      try {
        await entries.clear(done);
      } catch (error) {
        log.warn("could not clear the outbox; the sweep will publish it again", errorFields(error));
      }
    });
    return clearing;
  }

  /** Answers those that could not be published. */
  async function publishOld(old: Entry[], budget: { failures: number }): Promise<Entry[]> {
    const failed: Entry[] = [];
    for (const chunk of chunksOf(old, loadedAtOnce)) {
      if (budget.failures === 0) failed.push(...chunk);
      else if (!(await publishChunk(chunk, budget))) {
        // One that the broker will never take must not hold up the others.
        for (const one of chunk) {
          if (budget.failures === 0 || !(await publishChunk([one], budget))) failed.push(one);
        }
      }
    }
    return failed;
  }

  async function publishChunk(chunk: Entry[], budget: { failures: number }): Promise<boolean> {
    const letters = await entries.load(chunk);
    try {
      await publish(letters);
    } catch (error) {
      budget.failures--;
      log.warn("the sweep could not publish", { records: letters.length, ...errorFields(error) });
      return false;
    }
    counters.add("outbox_swept", letters.length);
    return true;
  }

  return {
    wake(letter) {
      if (waiting.length >= waitingMax || waitingSize + letter.size > waitingSizeMax) {
        counters.add("outbox_left_to_sweep");
        return;
      }
      waiting.push(letter);
      waitingSize += letter.size;
      publishing ??= publishWaiting();
    },

    async sweep() {
      const seen = new Set<string>();
      const budget = { failures: failuresPerSweep };
      let failed = 0;
      let after: Entry | undefined;
      for (let looked = 0; looked < entriesPerSweep; looked += pageSize) {
        const page = await entries.page({ after, limit: pageSize });
        const { old = [], fresh = [] } = Object.groupBy(page, (entry) =>
          seenBefore.has(entries.nameOf(entry)) ? "old" : "fresh",
        );
        const stillOld = await publishOld(old, budget);
        for (const entry of [...fresh, ...stillOld]) seen.add(entries.nameOf(entry));
        failed += stillOld.length;
        if (page.length < pageSize) break;
        after = page.at(-1);
      }
      seenBefore = seen;
      if (failed > 0) throw new Unavailable("The outbox could not be published.");
    },

    async flush() {
      isFlushing = true;
      await publishing;
      isFlushing = false;
      await clear();
    },
  };
}

function chunksOf<T>(items: T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, at) =>
    items.slice(at * size, (at + 1) * size),
  );
}

/** How many of these go into one call; always at least one. */
function firstOf(waiting: { size: number }[]): number {
  let sum = 0;
  const end = waiting.findIndex(({ size }, index) => {
    sum += size;
    return index >= publishedAtOnce || (index > 0 && sum > publishedSizeAtOnce);
  });
  return end < 0 ? waiting.length : end;
}
