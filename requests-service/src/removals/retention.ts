import { type ExecutionKey, idFloor } from "@sate/contracts";
import { inParts } from "@sate/contracts/runtime";
import type { Execution } from "../executions/execution.ts";
import { pagesOf } from "../pages.ts";
import type { Ports } from "../ports.ts";
import type { AdmitRemovals } from "./admit.ts";
import { endOf } from "./age.ts";
import { emptied, type Removing } from "./complete.ts";
import { isOlder } from "./decide.ts";
import { paced } from "./paced.ts";
import type { OldRequest } from "./port.ts";

const pageSize = 200;
const removedAtOnce = 50;
/** Per sweep; the rest waits for the next one. */
const sweepMsMax = 20_000;

type Read<Item> = (page: { after?: Item | undefined; limit: number; until: string }) => Promise<Item[]>;
/** One kind of what is kept for a time. `oldOf`: what of a page is to be removed. `remove` returns how many were. */
type Kind<Item, Old> = {
  read: Read<Item>;
  oldOf: (page: Item[], instant: number) => Promise<Old[]>;
  remove: (old: Old[]) => Promise<number>;
};

/**
 * Removes what is older than it is kept, by the clock of the store: the oldest first, in batches, with pauses that leave
 * half of the time to the load. Any number of processes may do this at once. Nothing that is active, or whose result is
 * not confirmed, is touched. What was removed already costs nothing: it is not in the part of the index that is read.
 *
 * Rejects when a dependency does not respond; the next sweep continues.
 */
export function createRetention(
  ports: Ports,
  { admit, removing }: { admit: AdmitRemovals; removing: Removing },
) {
  const { store, resultsRemoval, counters, log } = ports;

  /** Returns how many were removed. */
  async function sweep<Item, Old>(
    { read, oldOf, remove }: Kind<Item, Old>,
    keepMs: number,
    stopping: AbortSignal,
  ): Promise<number> {
    await store.removals.prepare();
    const endAt = performance.now() + sweepMsMax;
    const instant = store.now() - keepMs;
    const readOld = (page: Omit<Parameters<Read<Item>>[0], "until">) =>
      read({ ...page, until: idFloor(instant) });
    let removed = 0;
    for await (const page of pagesOf(readOld, pageSize)) {
      for (const part of inParts(await oldOf(page, instant), { itemsMax: removedAtOnce })) {
        if (stopping.aborted || performance.now() > endAt) return removed;
        removed += await paced(() => remove(part), stopping);
      }
    }
    return removed;
  }

  const wholeRequests: Kind<OldRequest, ExecutionKey> = {
    read: ({ after, ...page }) => store.removals.oldRequests({ ...page, after: after?.id }),
    async oldOf(page, instant) {
      const executions = await store.executions.ofRequests(page.map(({ id }) => id));
      return page.flatMap((request) => {
        const list = executions.get(request.id) ?? [];
        return isOlder(request, list, instant) ? { request_id: request.id, attempt: list.length + 1 } : [];
      });
    },
    async remove(old) {
      const areAdmitted = await admit(old);
      const admitted = old.filter((_, index) => areAdmitted[index]);
      return (await removing.complete(admitted)).length;
    },
  };

  /** What the next attempt depends on stays. */
  const contents: Kind<Execution, Execution> = {
    read: (page) => store.removals.oldExecutions(page),
    oldOf: async (page, instant) => page.filter((execution) => (endOf(execution) ?? instant) < instant),
    async remove(old) {
      const executions = old.map(({ request_id, attempt }) => ({ request_id, attempt }));
      const removed_at = store.now();
      await resultsRemoval.removeResults({ executions, requests: [], dead_letters: [], removed_at });
      await removing.removeLogs(executions);
      await store.removals.empty(old.map(emptied));
      return old.length;
    },
  };

  return {
    /** Requests whose executions have all ended, wholly. */
    async requests(keepMs: number, stopping: AbortSignal): Promise<void> {
      const removed = await sweep(wholeRequests, keepMs, stopping);
      if (removed > 0) log.info("old requests were removed", { removed });
    },
    /** The results, errors and logs of ended executions. */
    async executions(keepMs: number, stopping: AbortSignal): Promise<void> {
      const removed = await sweep(contents, keepMs, stopping);
      counters.add("executions_emptied", removed);
      if (removed > 0) log.info("the results, errors and logs of old executions were removed", { removed });
    },
  };
}
