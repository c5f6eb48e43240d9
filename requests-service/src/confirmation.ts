import { type ExecutionKey, limits } from "@sate/contracts";
import type { Key } from "./execution.ts";
import { failpoint } from "./failpoint.ts";
import { type Results, type Store, Unavailable } from "./ports.ts";
import type { Counters } from "./runtime/metrics.ts";

/**
 * Whether results have arrived. A broker may lose what it has acknowledged: so an outcome that was published,
 * and whose mark was cleared, stays `unconfirmed` until results-service has its result.
 *
 *     outcome ──published──▶ unconfirmed ──its result is recorded──▶ no mark
 *        ▲                       │
 *        └──────missing──────────┘
 *
 * An outcome is missing if its result is not recorded in two looks of this process, a pause apart, though that
 * of an outcome first seen later is: it was overtaken, so it is not merely waiting to be read. It is then
 * published once more by the sweep of the outbox, which readers do not mind. Where nothing overtakes it, most
 * likely nobody records anything at the moment, and what waits need not be published again for that; in case
 * it was the last of all that came, it is all the same, after several looks, and ever more seldom. No clock is
 * compared, and any number of processes may look, for every write repeats the mark that it relies on.
 */
export type Confirmation = {
  /** One look at what is unconfirmed. Rejects when the database or results-service does not answer. */
  look(signal: AbortSignal): Promise<void>;
};

const pageSize = limits.confirmMax;
/** Of one look: what is beyond it waits for the next, which finds fewer. */
const executionsPerLook = 50_000;
const lookMsMax = 20_000;
/** An outcome that nothing has overtaken is first published again when it was missed so often. */
const patientLooks = 8;

export function createConfirmation(parts: {
  store: Pick<Store, "confirmations">;
  results: Results;
  counters: Counters;
}): Confirmation {
  const { store, results, counters } = parts;
  /** In how many looks in a row the result of each was missing, up to the last look. */
  let missedBefore = new Map<string, number>();

  /** Which of the page have a result; of those the mark is removed. */
  async function confirmRecorded(page: Key[]): Promise<boolean[]> {
    if (page.length === 0) return [];
    const { recorded } = await results.resultsRecorded({ executions: page.map(onWire) });
    if (recorded.length !== page.length) {
      throw new Unavailable("results-service did not answer for every execution.");
    }
    const there = page.filter((_, index) => recorded[index]);
    await store.confirmations.confirm(there);
    failpoint("requests-service.confirmed");
    counters.add("results_confirmed", there.length);
    return recorded;
  }

  return {
    async look(signal) {
      const missing: { key: Key; looks: number }[] = [];
      let freshest = Number.POSITIVE_INFINITY;
      const endAt = performance.now() + lookMsMax;
      let after: Key | undefined;
      for (let looked = 0; looked < executionsPerLook; looked += pageSize) {
        const page = await store.confirmations.unconfirmed({ after, limit: pageSize });
        const recorded = await confirmRecorded(page);
        for (const [index, key] of page.entries()) {
          const looks = (missedBefore.get(nameOf(key)) ?? 0) + 1;
          if (recorded[index]) freshest = Math.min(freshest, looks);
          else missing.push({ key, looks });
        }
        after = page.at(-1);
        if (page.length < pageSize || signal.aborted || performance.now() > endAt) break;
      }
      missedBefore = new Map(missing.map(({ key, looks }) => [nameOf(key), looks]));
      const due = missing.filter(({ looks }) => isDue(looks, freshest < looks)).map(({ key }) => key);
      for (let at = 0; at < due.length; at += pageSize) {
        await store.confirmations.publishAgain(due.slice(at, at + pageSize));
      }
      counters.add("outcomes_published_again", due.length);
    },
  };
}

function isDue(looks: number, isOvertaken: boolean): boolean {
  const isPowerOfTwo = (looks & (looks - 1)) === 0;
  return isPowerOfTwo && (looks >= patientLooks || (looks > 1 && isOvertaken));
}

function nameOf({ requestId, attempt }: Key): string {
  return `${requestId} ${attempt}`;
}

function onWire({ requestId, attempt }: Key): ExecutionKey {
  return { request_id: requestId, attempt };
}
