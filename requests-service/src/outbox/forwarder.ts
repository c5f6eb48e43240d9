import { type OutgoingRecord, Unavailable } from "@sate/contracts";
import { type Counters, errorFields, failpoint, type Log } from "@sate/contracts/runtime";
import type { Publisher, Random } from "../ports.ts";

/**
 * The transactional outbox of one kind of entries: an entry is written with the state change that it belongs to, and
 * published at least once.
 *
 * - The fast path: whoever wrote an entry calls `publishSoon`. It is published with everything that has gathered
 *   meanwhile, and cleared a little later, many at once. Nobody waits for either.
 * - The safe path: `sweep` publishes entries that an earlier sweep has seen and that still exist: the process that wrote
 *   them has died, or the broker was away.
 *
 * Entries are compared with what this process itself saw before, never with a clock of another machine.
 */
export type Forwarder<Entry> = {
  publishSoon(pending: Pending<Entry>): void;
  /** Rejects when the database or the broker does not respond; the next sweep continues where this one failed. */
  sweep(): Promise<void>;
  /** Publishes and clears what waits, until the first failure; the rest is left to a sweep. */
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

/** What waits in memory or is being published. The sweep publishes the rest. */
const waitingMax = 5_000;
const waitingSizeMax = 64 * 1024 * 1024;
/** Per call of the publisher. */
const publishedAtOnce = 256;
const publishedSizeAtOnce = 16 * 1024 * 1024;
/** Per sweep: entries read, and those held in memory at once with their payloads. */
const pageSize = 1_000;
const entriesPerSweep = 20_000;
const loadedAtOnce = 32;
/** After this many failed calls of the publisher in a row the broker counts as unavailable for the sweep. */
const failuresPerSweep = 3;
const clearPauseMs = 500;

export function createForwarder<Entry>(parts: {
  entries: Entries<Entry>;
  publisher: Pick<Publisher, "publish">;
  random: Random;
  counters: Counters;
  log: Log;
}): Forwarder<Entry> {
  const { entries, publisher, random, counters, log } = parts;
  const waiting: Pending<Entry>[] = [];
  let waitingSize = 0;
  let publishing: Promise<void> | null = null;
  let isFlushing = false;
  let published: Entry[] = [];
  let clearTimer: ReturnType<typeof setTimeout> | null = null;
  let clearing: Promise<void> = Promise.resolve();
  let seenBefore = new Set<string>();
  let hasFailed = false;

  async function publishWaiting(): Promise<void> {
    while (waiting.length > 0) {
      const batch = waiting.splice(0, firstOf(waiting));
      try {
        await publish(batch);
      } catch (error) {
        // A flush precedes a stop: it waits for one deadline of the broker at most.
        const left = isFlushing ? [...batch, ...waiting.splice(0)] : batch;
        counters.add("outbox_left_to_sweep", left.length);
        // Not a warning: it is usual at a stop, and at the start of standalone after a crash. A broker that stays away is one.
        log.info("publishing failed; the outbox sweep will publish", {
          records: left.length,
          ...errorFields(error),
        });
        for (const { size } of left) waitingSize -= size;
        continue;
      }
      for (const { size } of batch) waitingSize -= size;
    }
    publishing = null;
  }

  async function publish(batch: Pending<Entry>[]): Promise<void> {
    await publisher.publish(batch.map(({ record }) => record()));
    failpoint("requests-service.published");
    published.push(...batch.map(({ entry }) => entry));
    clearTimer ??= setTimeout(clear, clearPauseMs);
  }

  /** One write at a time, with everything that has gathered; after a failure the sweep publishes again. */
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
        log.warn("clearing the outbox failed; the outbox sweep will publish again", errorFields(error));
      }
    });
    return clearing;
  }

  /** Returns those that could not be published. */
  async function publishOld(old: Entry[], budget: { failures: number }): Promise<Entry[]> {
    const failed: Entry[] = [];
    // After failures it begins anywhere: entries that the broker never accepts must not always come first.
    const from = hasFailed ? Math.floor(random() * old.length) : 0;
    for (const chunk of chunksOf([...old.slice(from), ...old.slice(0, from)], loadedAtOnce)) {
      if (budget.failures === 0) failed.push(...chunk);
      else if (!(await publishChunk(chunk, budget))) {
        // One that the broker never accepts must not hold up the others.
        for (const one of chunk) {
          if (budget.failures === 0 || !(await publishChunk([one], budget))) failed.push(one);
        }
      }
    }
    return failed;
  }

  async function publishChunk(chunk: Entry[], budget: { failures: number }): Promise<boolean> {
    const pending = await entries.load(chunk);
    try {
      await publish(pending);
    } catch (error) {
      budget.failures--;
      log.warn("the outbox sweep failed to publish", { records: pending.length, ...errorFields(error) });
      return false;
    }
    if (pending.length > 0) budget.failures = failuresPerSweep;
    counters.add("outbox_swept", pending.length);
    return true;
  }

  return {
    publishSoon(pending) {
      if (waiting.length >= waitingMax || waitingSize + pending.size > waitingSizeMax) {
        counters.add("outbox_left_to_sweep");
        return;
      }
      waiting.push(pending);
      waitingSize += pending.size;
      // What is written in one turn is published together.
      publishing ??= Promise.resolve().then(publishWaiting);
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
      hasFailed = failed > 0;
      if (hasFailed) throw new Unavailable("The outbox could not be published.");
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
