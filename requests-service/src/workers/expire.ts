import { failpoint } from "@sate/contracts/runtime";
import type { Execution } from "../executions/execution.ts";
import { pagesOf } from "../pages.ts";
import type { Ports, Store, Worker } from "../ports.ts";
import type { DeadlineWatch, EndOverdue } from "../runs/overdue.ts";
import type { RequeueRuns } from "../runs/requeue.ts";

const pageSize = 500;

/**
 * Finds expired leases: those of workers whose heartbeat count did not move in `sweepsMax` consecutive successful sweeps
 * of this process. No clocks are compared, so a pause of this process or of the database expires nothing:
 * heartbeats that could not be written while sweeps failed are not held against a worker.
 */
type LeaseExpiry = {
  /** Takes all workers as one successful sweep read them; returns those whose lease has expired. */
  observe(workers: Worker[]): Worker[];
  /** After a failed sweep: counting begins again. */
  reset(): void;
};

export function createLeaseExpiry(sweepsMax: number): LeaseExpiry {
  let seen = new Map<string, { beats: number; unmoved: number }>();
  return {
    observe(workers) {
      const next: typeof seen = new Map();
      const expired: Worker[] = [];
      for (const worker of workers) {
        if (worker.given_up) continue;
        const last = seen.get(worker.id);
        const unmoved = last?.beats === worker.beats ? last.unmoved + 1 : 0;
        next.set(worker.id, { beats: worker.beats, unmoved });
        if (unmoved >= sweepsMax) expired.push(worker);
      }
      seen = next;
      return expired;
    },
    reset: () => seen.clear(),
  };
}

/** What a sweep does with running executions, and what it remembers until the next. */
export type WorkerSweep = {
  leaseExpiry: LeaseExpiry;
  deadlines: DeadlineWatch;
  requeueRuns: RequeueRuns;
  endOverdue: EndOverdue;
};

/**
 * One sweep over the workers: expires leases, requeues executions whose worker is unknown or whose lease has expired, and
 * ends executions that run past their deadline. Any number of sweepers may do this at once, because every write repeats its
 * predicate. Rejects when the database does not respond.
 */
export async function sweepWorkers({ store, counters, log }: Ports, sweep: WorkerSweep): Promise<void> {
  const { leaseExpiry, deadlines, requeueRuns, endOverdue } = sweep;
  const alive = new Set<string>();
  const gone = new Set<string>();
  const workers = (await Array.fromAsync(pagesOf(store.workers.list, pageSize))).flat();
  for (const { id, given_up } of workers) (given_up ? gone : alive).add(id);
  for (const { id, beats } of leaseExpiry.observe(workers)) {
    // If its count has moved since, it is alive, and the write does nothing.
    if (!(await store.workers.expire(id, beats))) continue;
    alive.delete(id);
    gone.add(id);
    counters.add("workers_given_up");
    log.warn("worker lease expired: no heartbeat for LEASE_SECONDS; its executions are requeued", {
      worker_id: id,
    });
  }
  const owners = await requeueOrphans(store, alive, requeueRuns, async (running) => {
    await endOverdue(deadlines.overdue(running, store.now()));
  });
  deadlines.swept();
  // The record of a worker without runs decides nothing any more.
  const forgotten = [...gone].filter((id) => !owners.has(id));
  if (forgotten.length > 0) await store.workers.forget(forgotten);
}

/** After a crash of a process that is alone on its database: no worker is alive, so all running executions are requeued. */
export async function recoverAll(
  store: Pick<Store, "workers" | "runs">,
  requeueRuns: RequeueRuns,
): Promise<void> {
  const workers = (await Array.fromAsync(pagesOf(store.workers.list, pageSize))).flat();
  for (const { id } of workers) await store.workers.expire(id);
  await requeueOrphans(store, new Set(), requeueRuns, async () => {});
  await store.workers.forget(workers.map(({ id }) => id));
}

/** `others` gets the runs of each page that are not orphans. Returns the workers whose runs were requeued. */
async function requeueOrphans(
  store: Pick<Store, "workers" | "runs">,
  alive: Set<string>,
  requeueRuns: RequeueRuns,
  others: (running: Execution[]) => Promise<void>,
): Promise<Set<string>> {
  const owners = new Set<string>();
  for await (const page of pagesOf(store.runs.running, pageSize)) {
    const orphans = await orphansOf(page, store, alive);
    for (const { worker_id } of orphans) if (worker_id !== undefined) owners.add(worker_id);
    if (orphans.length > 0) failpoint("requests-service.orphaned");
    await requeueRuns(orphans, true);
    const areOrphans = new Set(orphans);
    await others(page.filter((execution) => !areOrphans.has(execution)));
  }
  return owners;
}

/**
 * A worker may have registered after the workers were listed, so unknown ones are read again: a worker registers before
 * it claims, so one that is still unknown after its run was seen is gone.
 */
async function orphansOf(
  page: Execution[],
  store: Pick<Store, "workers">,
  alive: Set<string>,
): Promise<Execution[]> {
  const isOrphan = ({ worker_id }: Execution) => worker_id === undefined || !alive.has(worker_id);
  const suspects = page.filter(isOrphan);
  const unsure = [...new Set(suspects.flatMap(({ worker_id }) => worker_id ?? []))];
  if (unsure.length > 0) {
    for (const { id, given_up } of await store.workers.get(unsure)) if (!given_up) alive.add(id);
  }
  return suspects.filter(isOrphan);
}
