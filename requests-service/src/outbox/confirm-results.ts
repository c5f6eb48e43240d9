import { type ExecutionKey, limits } from "@sate/contracts";
import { inParts } from "@sate/contracts/runtime";
import { pagesOf } from "../pages.ts";
import type { Ports } from "../ports.ts";
import type { ConfirmRecorded } from "./confirm-recorded.ts";

/**
 * Confirms that published outcomes have a recorded result, because a broker may lose what it has acknowledged. A
 * published outcome whose mark was cleared stays unconfirmed until results-service has its result.
 *
 *     outcome ──published──▶ unconfirmed ──its result is recorded──▶ no mark
 *        ▲                       │
 *        └──────missing──────────┘
 *
 * An outcome is missing if two looks of this process, a pause apart, do not find its result, but find that of an outcome
 * first seen later: it was overtaken, so it is not merely waiting to be read. The outbox sweep then publishes it once
 * more, which readers tolerate. If nothing overtakes it, most likely no results are recorded at the moment; in case it
 * was the last outcome of all, it is published again after several looks, and then ever more seldom. No clocks are
 * compared, and any number of processes may look, because every write repeats the mark that it relies on.
 *
 * A look rejects when the database or results-service does not respond.
 */
type LookForResults = (signal: AbortSignal) => Promise<void>;

const pageSize = limits.confirmMax;
/** Per look; the rest waits for the next look, which finds fewer. */
const executionsPerLook = 50_000;
const lookMsMax = 20_000;
/** An outcome that nothing has overtaken is first published again after this many looks. */
const patientLooks = 8;

export function createLookForResults(
  { store, counters }: Pick<Ports, "store" | "counters">,
  confirmRecorded: ConfirmRecorded,
): LookForResults {
  /** The number of looks in a row that missed the result of each. */
  let missedBefore = new Map<string, number>();

  return async (signal) => {
    const missing: { key: ExecutionKey; looks: number }[] = [];
    let freshest = Number.POSITIVE_INFINITY;
    const endAt = performance.now() + lookMsMax;
    for await (const page of pagesOf(store.confirmations.unconfirmed, pageSize, executionsPerLook)) {
      const recorded = await confirmRecorded(page);
      for (const [index, key] of page.entries()) {
        const looks = (missedBefore.get(nameOf(key)) ?? 0) + 1;
        if (recorded[index]) freshest = Math.min(freshest, looks);
        else missing.push({ key, looks });
      }
      if (signal.aborted || performance.now() > endAt) break;
    }
    missedBefore = new Map(missing.map(({ key, looks }) => [nameOf(key), looks]));
    const due = missing.filter(({ looks }) => isDue(looks, freshest < looks)).map(({ key }) => key);
    for (const part of inParts(due, { itemsMax: pageSize })) await store.confirmations.publishAgain(part);
    counters.add("outcomes_published_again", due.length);
  };
}

function isDue(looks: number, isOvertaken: boolean): boolean {
  const isPowerOfTwo = (looks & (looks - 1)) === 0;
  return isPowerOfTwo && (looks >= patientLooks || (looks > 1 && isOvertaken));
}

function nameOf({ request_id, attempt }: ExecutionKey): string {
  return `${request_id} ${attempt}`;
}
