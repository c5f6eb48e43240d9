import type { ExecutionKey } from "@sate/contracts";
import { type Counters, failpoint, type Log } from "@sate/contracts/runtime";
import type { Execution } from "../executions/execution.ts";
import type { Store } from "../ports.ts";
import type { RequeueRuns } from "../runs/requeue.ts";
import type { LeaseExpiry } from "./lease-expiry.ts";

const pageSize = 500;

/**
 * One sweep over the workers: expires leases, and requeues what is run by a worker whose lease expired or that is
 * unknown. Any number of sweepers may do this at once, because every write repeats its predicate. Rejects when the
 * database does not respond.
 */
export async function sweepWorkers(parts: {
  store: Pick<Store, "workers" | "runs">;
  leaseExpiry: LeaseExpiry;
  requeueRuns: RequeueRuns;
  counters: Counters;
  log: Log;
}): Promise<void> {
  const { store, leaseExpiry, requeueRuns, counters, log } = parts;
  const alive = new Set<string>();
  const gone = new Set<string>();
  const workers = await allWorkers(store);
  for (const { id, given_up } of workers) (given_up ? gone : alive).add(id);
  for (const { id, beats } of leaseExpiry.observe(workers)) {
    // If its count has moved since, it is alive, and the write does nothing.
    if (!(await store.workers.expire(id, beats))) continue;
    alive.delete(id);
    gone.add(id);
    counters.add("workers_given_up");
    log.warn("worker lease expired", { worker_id: id });
  }
  const owners = await requeueOrphans(store, alive, requeueRuns);
  // The record of a worker without runs decides nothing any more.
  const forgotten = [...gone].filter((id) => !owners.has(id));
  if (forgotten.length > 0) await store.workers.forget(forgotten);
}

/** After a crash of a process that is alone on its database: no worker is alive, so all running executions are requeued. */
export async function recoverAll(
  store: Pick<Store, "workers" | "runs">,
  requeueRuns: RequeueRuns,
): Promise<void> {
  const workers = await allWorkers(store);
  for (const { id } of workers) await store.workers.expire(id);
  await requeueOrphans(store, new Set(), requeueRuns);
  await store.workers.forget(workers.map(({ id }) => id));
}

/** Returns the workers whose runs were requeued. */
async function requeueOrphans(
  store: Pick<Store, "workers" | "runs">,
  alive: Set<string>,
  requeueRuns: RequeueRuns,
): Promise<Set<string>> {
  const owners = new Set<string>();
  let after: ExecutionKey | undefined;
  for (;;) {
    const page = await store.runs.running({ after, limit: pageSize });
    const orphans = await orphansOf(page, store, alive);
    for (const { worker_id } of orphans) if (worker_id !== undefined) owners.add(worker_id);
    if (orphans.length > 0) failpoint("requests-service.orphaned");
    await requeueRuns(orphans, true);
    if (page.length < pageSize) return owners;
    after = page.at(-1);
  }
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

async function allWorkers(store: Pick<Store, "workers">) {
  const workers = [];
  for (let after: string | undefined; ; ) {
    const page = await store.workers.list({ after, limit: pageSize });
    workers.push(...page);
    if (page.length < pageSize) return workers;
    after = page.at(-1)?.id;
  }
}
