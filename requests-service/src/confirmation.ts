import { type ExecutionKey, limits } from "@sate/contracts";
import type { Counters } from "./counters.ts";
import type { Key } from "./execution.ts";
import { failpoint } from "./failpoint.ts";
import { type Results, type Store, Unavailable } from "./ports.ts";

/**
 * Whether results have arrived. A broker may lose what it has acknowledged: so an outcome that was published,
 * and whose mark was cleared, stays `unconfirmed` until results-service has its result.
 *
 *     outcome ──published──▶ unconfirmed ──its result is recorded──▶ no mark
 *        ▲                       │
 *        └──────missing──────────┘
 *
 * An outcome is missing if its result is not recorded in two looks of this process, a pause apart: no clock is
 * compared, and any number of processes may look, for every write repeats the mark that it relies on. It is
 * then published once more by the sweep of the outbox, which readers do not mind. If its result still does not
 * come, most likely nobody records anything at the moment; so it is left alone ever longer, up to a limit.
 */
export type Confirmation = {
  /** One look at what is unconfirmed. Rejects when the database or results-service does not answer. */
  look(signal: AbortSignal): Promise<void>;
};

const pageSize = limits.confirmMax;
/** Of one look: what is beyond it waits for the next, which finds fewer. */
const executionsPerLook = 50_000;
const lookMsMax = 20_000;
/** Looks that an outcome is left alone after it was published again, at most. */
const looksApartMax = 16;

export function createConfirmation(parts: {
  store: Pick<Store, "confirmations">;
  results: Results;
  counters: Counters;
}): Confirmation {
  const { store, results, counters } = parts;
  /** In how many looks in a row the result of each was missing. */
  let missedBefore = new Map<string, number>();

  /** Answers those of the page whose results are missing. */
  async function confirmRecorded(page: Key[]): Promise<Key[]> {
    if (page.length === 0) return [];
    const { recorded } = await results.resultsRecorded({ executions: page.map(onWire) });
    if (recorded.length !== page.length) {
      throw new Unavailable("results-service did not answer for every execution.");
    }
    const there = page.filter((_, index) => recorded[index]);
    await store.confirmations.confirm(there);
    failpoint("requests-service.confirmed");
    counters.add("results_confirmed", there.length);
    return page.filter((_, index) => !recorded[index]);
  }

  return {
    async look(signal) {
      const missed = new Map<string, number>();
      const endAt = performance.now() + lookMsMax;
      let after: Key | undefined;
      for (let looked = 0; looked < executionsPerLook; looked += pageSize) {
        const page = await store.confirmations.unconfirmed({ after, limit: pageSize });
        const missing = await confirmRecorded(page);
        for (const key of missing) missed.set(nameOf(key), (missedBefore.get(nameOf(key)) ?? 0) + 1);
        const due = missing.filter((key) => isDue(missed.get(nameOf(key)) ?? 0));
        await store.confirmations.publishAgain(due);
        counters.add("outcomes_published_again", due.length);
        after = page.at(-1);
        if (page.length < pageSize || signal.aborted || performance.now() > endAt) break;
      }
      missedBefore = missed;
    },
  };
}

/** In the second look that misses a result, the fourth, the eighth, and then at even distances. */
function isDue(looks: number): boolean {
  const isPowerOfTwo = (looks & (looks - 1)) === 0;
  return looks > 1 && (isPowerOfTwo || looks % looksApartMax === 0);
}

function nameOf({ requestId, attempt }: Key): string {
  return `${requestId} ${attempt}`;
}

function onWire({ requestId, attempt }: Key): ExecutionKey {
  return { request_id: requestId, attempt };
}
