import { limits, type RunRef } from "@sate/contracts";
import { runKey } from "../runs/table.ts";

/** What the last heartbeat response left open, by `runKey`. */
export type Doubts = {
  /** Runs that the database listed and that were not held here, with the claim under way at that time. */
  unknown: Map<string, string | null>;
  /** Runs here that the database did not list. */
  missing: Set<string>;
};

export const noDoubts = (): Doubts => ({ unknown: new Map(), missing: new Set() });

export type Seen = {
  /** What the database held for this worker, at some moment between the heartbeat and its response. */
  listed: (RunRef & { cancel: boolean })[];
  /** What ran here when the heartbeat was sent. */
  ranBefore: Set<string>;
  /** What runs here, and all that is held here, now that the response has come. */
  running: Set<string>;
  held: Set<string>;
  /** The claim that is under way now. */
  claimUnderWay: string | null;
};

/**
 * Compares what the database holds for this worker with what runs here. Pure. Returns which runs here to `cancel`,
 * which belong to another worker (`taken`), and which the database holds though the response to their claim was lost
 * (`release`). Both sides change while the heartbeat is under way, so one response alone proves nothing:
 *
 * - A listed run that is not held here may be on its way, in the response to a claim. It is released if the next
 *   response lists it too and the claim that was under way at the first is over. (A later claim cannot bring it,
 *   since it was held before that claim began.)
 * - A run here that is not listed may have ended meanwhile. It is taken if it ran before both heartbeats, still runs,
 *   and neither response lists it. A list of full length may be cut off, so what it lacks proves nothing.
 */
export function reconcile(doubts: Doubts, { listed, ranBefore, running, held, claimUnderWay }: Seen) {
  const found = {
    cancel: [] as string[],
    taken: [] as string[],
    release: [] as RunRef[],
    doubts: noDoubts(),
  };
  const names = new Set<string>();
  for (const { cancel, ...ref } of listed) {
    const key = runKey(ref);
    names.add(key);
    if (cancel && running.has(key)) found.cancel.push(key);
    if (held.has(key)) continue;
    const before = doubts.unknown.get(key);
    const isOver = before !== undefined && (before === null || before !== claimUnderWay);
    if (isOver) found.release.push(ref);
    else found.doubts.unknown.set(key, before ?? claimUnderWay);
  }
  if (listed.length >= limits.workerRunsMax) return found;
  for (const key of ranBefore) {
    if (names.has(key) || !running.has(key)) continue;
    if (doubts.missing.has(key)) found.taken.push(key);
    else found.doubts.missing.add(key);
  }
  return found;
}
