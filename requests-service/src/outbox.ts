import type { Counters } from "./counters.ts";
import type { Execution, StoredRequest } from "./execution.ts";
import { failpoint } from "./failpoint.ts";
import { errorFields, type Log } from "./log.ts";
import { type Marked, type Publisher, type Store, Unavailable } from "./ports.ts";
import { markedRecord } from "./wire.ts";

/**
 * The outbox: what is decided in the database is published, at least once, though the two know nothing of
 * each other. The mark stands in the document that it speaks of, written by the same write.
 *
 * - The fast way: whoever wrote a mark calls `wake`; it is published with all that has gathered meanwhile,
 *   and its mark is cleared a little later, many at once. Nobody waits for either.
 * - The sure way: `sweep` publishes marks that it has seen in an earlier sweep and that still stand: the
 *   process that wrote them has died, or the broker was away.
 *
 * Marks are compared with what this process itself saw before, never with a clock of another machine.
 */
export type Outbox = {
  wake(execution: Execution, request: StoredRequest): void;
  /** Rejects when the database or the broker does not answer; the next sweep goes on where this one failed. */
  sweep(): Promise<void>;
  /** Publishes and clears what waits, until the first failure: the rest is left to a sweep. */
  flush(): Promise<void>;
};

type Wake = { execution: Execution; request: StoredRequest };

/** What waits in memory or is being published; beyond it the sweep publishes. */
const wakesMax = 5_000;
const wakeBytesMax = 64 * 1024 * 1024;
/** Of one call of the publisher. */
const publishedAtOnce = 256;
const publishedBytesAtOnce = 16 * 1024 * 1024;
/** Of one sweep: marks looked at, and executions with payloads and outputs held in memory at once. */
const pageSize = 1_000;
const marksPerSweep = 20_000;
const completeAtOnce = 32;
/** Calls of the publisher that may fail in one sweep: then the broker is taken to be away. */
const failuresPerSweep = 3;
const clearPauseMs = 500;

export function createOutbox(parts: {
  store: Pick<Store, "outbox" | "requests">;
  publisher: Pick<Publisher, "publish">;
  counters: Counters;
  log: Log;
}): Outbox {
  const { store, publisher, counters, log } = parts;
  const wakes: Wake[] = [];
  let wakeBytes = 0;
  let publishing: Promise<void> | null = null;
  let isFlushing = false;
  let published: Marked[] = [];
  let clearTimer: ReturnType<typeof setTimeout> | null = null;
  let clearing: Promise<void> = Promise.resolve();
  let seenBefore = new Set<string>();

  async function publishWakes(): Promise<void> {
    while (wakes.length > 0) {
      const batch = wakes.splice(0, firstOf(wakes));
      try {
        await publish(batch);
      } catch (error) {
        // Who flushes wants to stop, and one deadline of the broker is enough to wait for.
        const left = isFlushing ? [...batch, ...wakes.splice(0)] : batch;
        counters.add("outbox_left_to_sweep", left.length);
        log.warn("could not publish; the sweep will", { records: left.length, ...errorFields(error) });
        for (const wake of left) wakeBytes -= bytesOf(wake);
        continue;
      }
      for (const wake of batch) wakeBytes -= bytesOf(wake);
    }
    publishing = null;
  }

  async function publish(batch: Wake[]): Promise<void> {
    await publisher.publish(batch.map(({ execution, request }) => markedRecord(execution, request)));
    failpoint("requests-service.published");
    for (const { execution } of batch) {
      const { requestId, attempt, mark } = execution;
      if (mark !== undefined) published.push({ requestId, attempt, mark });
    }
    clearTimer ??= setTimeout(clear, clearPauseMs);
  }

  /** One write at a time, with all that has gathered; a failure leaves the marks to the sweep. */
  function clear(): Promise<void> {
    if (clearTimer !== null) clearTimeout(clearTimer);
    clearTimer = null;
    clearing = clearing.then(async () => {
      const marks = published;
      published = [];
      if (marks.length === 0) return;
      try {
        await store.outbox.clear(marks);
      } catch (error) {
        log.warn("could not clear outbox marks; the sweep will publish them again", errorFields(error));
      }
    });
    return clearing;
  }

  /** Answers those that could not be published. */
  async function publishMarked(marked: Marked[], budget: { failures: number }): Promise<Marked[]> {
    const failed: Marked[] = [];
    for (const chunk of chunksOf(marked, completeAtOnce)) {
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

  async function publishChunk(marked: Marked[], budget: { failures: number }): Promise<boolean> {
    const standing = await store.outbox.standing(marked);
    const requests = await store.requests.get([...new Set(standing.map(({ requestId }) => requestId))]);
    try {
      await publish(standing.map((execution) => ({ execution, request: requestOf(execution, requests) })));
    } catch (error) {
      budget.failures--;
      log.warn("the sweep could not publish", { records: standing.length, ...errorFields(error) });
      return false;
    }
    counters.add("outbox_swept", standing.length);
    return true;
  }

  return {
    wake(execution, request) {
      const wake = { execution, request };
      if (wakes.length >= wakesMax || wakeBytes + bytesOf(wake) > wakeBytesMax) {
        counters.add("outbox_left_to_sweep");
        return;
      }
      wakes.push(wake);
      wakeBytes += bytesOf(wake);
      publishing ??= publishWakes();
    },

    async sweep() {
      const seen = new Set<string>();
      const budget = { failures: failuresPerSweep };
      let failed = 0;
      let after: Marked | undefined;
      for (let looked = 0; looked < marksPerSweep; looked += pageSize) {
        const page = await store.outbox.marked({ after, limit: pageSize });
        const { old = [], fresh = [] } = Object.groupBy(page, (marked) =>
          seenBefore.has(nameOf(marked)) ? "old" : "fresh",
        );
        const stillOld = await publishMarked(old, budget);
        for (const marked of [...fresh, ...stillOld]) seen.add(nameOf(marked));
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
function firstOf(wakes: Wake[]): number {
  let bytes = 0;
  const end = wakes.findIndex((wake, index) => {
    bytes += bytesOf(wake);
    return index >= publishedAtOnce || (index > 0 && bytes > publishedBytesAtOnce);
  });
  return end < 0 ? wakes.length : end;
}

/** In UTF-16 units, as memory holds them: the order of magnitude is all that matters. */
function bytesOf({ execution: { outcome }, request }: Wake): number {
  return request.payloadJson.length + (outcome?.status === "succeeded" ? outcome.outputs_json.length : 0);
}

function nameOf({ requestId, attempt, mark }: Marked): string {
  return `${requestId} ${attempt} ${mark}`;
}

function requestOf(execution: Execution, requests: Map<string, StoredRequest>): StoredRequest {
  const request = requests.get(execution.requestId);
  // An execution is only stored after its request, and requests are never deleted.
  if (!request) throw new Error("an execution has no request");
  return request;
}
