import { inParts } from "@sate/contracts/runtime";
import { removalMarks } from "../executions/execution.ts";
import { pagesOf } from "../pages.ts";
import type { Marked, Ports } from "../ports.ts";
import type { Removing } from "./complete.ts";

const pageSize = 500;
const removalsPerSweep = 10_000;
const completedAtOnce = 20;

/**
 * Completes removals that an earlier sweep of this process has seen and that still have their mark: the process that
 * admitted them has died, or a dependency was away. A removal that is done is looked at once more, a sweep later: calls
 * that were in flight when it was admitted may have stored logs, refused attempts or dead letters meanwhile, which have
 * no key of their own that a stub could hold. No clocks are compared, and any number of processes may sweep.
 *
 * Rejects when a dependency does not respond; the next sweep continues.
 */
export function createRemovalSweep(
  { store }: Pick<Ports, "store">,
  { complete, removeTraces, removeDeadLetters }: Removing,
): (stopping: AbortSignal) => Promise<void> {
  let seenBefore = new Set<string>();
  return async (stopping) => {
    const seen = new Set<string>();
    for await (const page of pagesOf(store.removals.marked, pageSize, removalsPerSweep)) {
      const old = page.filter((removal) => seenBefore.has(nameOf(removal)));
      for (const removal of page) seen.add(nameOf(removal));
      for (const part of inParts(old, { itemsMax: completedAtOnce })) {
        if (stopping.aborted) return;
        await complete(part.filter(({ mark }) => mark === removalMarks.begun));
        const done = part.filter(({ mark }) => mark === removalMarks.done);
        await removeTraces(done);
        await removeDeadLetters(done);
        await store.removals.setMark(done);
      }
    }
    seenBefore = seen;
  };
}

const nameOf = ({ request_id, mark }: Marked) => `${request_id} ${mark}`;
