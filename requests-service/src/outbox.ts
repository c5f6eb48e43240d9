import type { Counters } from "./counters.ts";
import type { Execution, Key, StoredRequest } from "./execution.ts";
import { errorFields, type Log } from "./log.ts";
import type { Publisher, Store } from "./ports.ts";
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
  sweep(): Promise<void>;
  /** Publishes and clears what is under way, within the deadlines of its ports. */
  flush(): Promise<void>;
};

type Wake = { execution: Execution; request: StoredRequest };
type Cleared = Key & { mark: string };

/** What waits in memory; beyond it the sweep publishes. */
const wakesMax = 5_000;
const publishedAtOnce = 256;
const pageSize = 500;
/** Marks looked at in one sweep, and payloads held in memory at once. */
const marksPerSweep = 10_000;
const payloadsAtOnce = 32;
const clearPauseMs = 100;

export function createOutbox(parts: {
  store: Pick<Store, "outbox" | "requests">;
  publisher: Publisher;
  counters: Counters;
  log: Log;
}): Outbox {
  const { store, publisher, counters, log } = parts;
  const wakes: Wake[] = [];
  let publishing: Promise<void> | null = null;
  let cleared: Cleared[] = [];
  let clearTimer: ReturnType<typeof setTimeout> | null = null;
  let clearing: Promise<void> = Promise.resolve();
  let seenBefore = new Set<string>();

  async function publishWakes(): Promise<void> {
    while (wakes.length > 0) {
      const batch = wakes.splice(0, publishedAtOnce);
      try {
        await publish(batch);
      } catch (error) {
        counters.add("outbox_left_to_sweep", batch.length);
        log.warn("could not publish; the sweep will", { records: batch.length, ...errorFields(error) });
      }
    }
    publishing = null;
  }

  async function publish(batch: Wake[]): Promise<void> {
    await publisher.publish(batch.map(({ execution, request }) => markedRecord(execution, request)));
    for (const { execution } of batch) {
      if (execution.mark === undefined) continue;
      cleared.push({ requestId: execution.requestId, attempt: execution.attempt, mark: execution.mark });
    }
    clearTimer ??= setTimeout(clear, clearPauseMs);
  }

  function clear(): void {
    clearTimer = null;
    const marks = cleared;
    cleared = [];
    clearing = clearing
      .then(() => store.outbox.clear(marks))
      .catch((error) => log.warn("could not clear outbox marks; the sweep will", errorFields(error)));
  }

  async function publishMarked(marked: Execution[]): Promise<void> {
    for (let at = 0; at < marked.length; at += payloadsAtOnce) {
      const chunk = marked.slice(at, at + payloadsAtOnce);
      const requests = await store.requests.get([...new Set(chunk.map(({ requestId }) => requestId))]);
      const batch = chunk.map((execution) => ({ execution, request: requestOf(execution, requests) }));
      await publish(batch);
      counters.add("outbox_swept", batch.length);
    }
  }

  return {
    wake(execution, request) {
      if (wakes.length >= wakesMax) {
        counters.add("outbox_left_to_sweep");
        return;
      }
      wakes.push({ execution, request });
      publishing ??= publishWakes();
    },

    async sweep() {
      const seen = new Set<string>();
      let after: Key | undefined;
      for (let looked = 0; looked < marksPerSweep; looked += pageSize) {
        const page = await store.outbox.marked({ after, limit: pageSize });
        const old: Execution[] = [];
        for (const marked of page) {
          const name = `${marked.requestId} ${marked.attempt} ${marked.mark}`;
          if (seenBefore.has(name)) old.push(marked);
          else seen.add(name);
        }
        await publishMarked(old);
        if (page.length < pageSize) break;
        after = page.at(-1);
      }
      seenBefore = seen;
    },

    async flush() {
      await publishing;
      if (clearTimer !== null) {
        clearTimeout(clearTimer);
        clear();
      }
      await clearing;
    },
  };
}

function requestOf(execution: Execution, requests: Map<string, StoredRequest>): StoredRequest {
  const request = requests.get(execution.requestId);
  // An execution is only stored after its request, and requests are never deleted.
  if (!request) throw new Error("an execution has no request");
  return request;
}
