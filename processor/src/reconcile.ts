import type { RunRef } from "@sate/contracts";
import { runKey } from "./runs.ts";

/** What the last answer left open; both by `runKey`. */
export type Doubts = {
  /** Runs that the database holds for us and that we did not know, with the claim under way at that time. */
  unknown: Map<string, string | null>;
  /** Runs of ours that the database did not list. */
  missing: Set<string>;
};

export const noDoubts = (): Doubts => ({ unknown: new Map(), missing: new Set() });

export type Seen = {
  /** What the database held for this worker, at some moment between the question and its answer. */
  listed: (RunRef & { cancel: boolean })[];
  /** `false` if the list may be cut off: then nothing follows from what is not in it. */
  isComplete: boolean;
  /** What ran here when the question was sent. */
  ranBefore: Set<string>;
  /** What runs here, and all that is held here, now that the answer has come. */
  running: Set<string>;
  held: Set<string>;
  /** The claim that is under way now. */
  claimUnderWay: string | null;
};

export type Reconciliation = {
  /** Runs of ours that somebody wants to cancel. */
  cancel: string[];
  /** Runs of ours that have been given to another. */
  taken: string[];
  /** Runs that we hold in the database and not here: the answer to their claim was lost. */
  handBack: RunRef[];
  doubts: Doubts;
};

/**
 * Compares what the database holds for this worker with what runs here. Pure. Both change while the question
 * is under way, so nothing follows from one answer alone:
 *
 * - A listed run that is not known here may be on its way, in the answer to a claim. It is lost if the next
 *   answer lists it too, and the claim that was under way at the first is over. (A later claim cannot bring
 *   it, since it was held before that claim began.)
 * - A run here that is not listed may have ended between. It is taken if it ran before both questions, still
 *   runs, and neither answer lists it.
 */
export function reconcile(doubts: Doubts, seen: Seen): Reconciliation {
  const { listed, isComplete, ranBefore, running, held, claimUnderWay } = seen;
  const found: Reconciliation = { cancel: [], taken: [], handBack: [], doubts: noDoubts() };
  const names = new Set<string>();
  for (const { cancel, ...ref } of listed) {
    const key = runKey(ref);
    names.add(key);
    if (cancel && running.has(key)) found.cancel.push(key);
    if (held.has(key)) continue;
    const before = doubts.unknown.get(key);
    const isOver = before !== undefined && (before === null || before !== claimUnderWay);
    if (isOver) found.handBack.push(refOf(ref));
    else found.doubts.unknown.set(key, before ?? claimUnderWay);
  }
  for (const key of ranBefore) {
    if (!isComplete || names.has(key) || !running.has(key)) continue;
    if (doubts.missing.has(key)) found.taken.push(key);
    else found.doubts.missing.add(key);
  }
  return found;
}

function refOf({ request_id, attempt, execution_id, epoch }: RunRef): RunRef {
  return { request_id, attempt, execution_id, epoch };
}
