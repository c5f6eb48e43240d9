import type { Execution, Key } from "./execution.ts";
import { failpoint } from "./failpoint.ts";
import type { Store } from "./ports.ts";
import type { PutBack } from "./put-back.ts";
import type { Log } from "./runtime/log.ts";
import type { Counters } from "./runtime/metrics.ts";
import type { WorkerWatch } from "./worker-watch.ts";

const pageSize = 500;

/**
 * One sweep over the workers: gives up those that are silent, and puts back what is run by a worker that is
 * given up or unknown. Any number of sweepers may do this at once: every write repeats what it relies on.
 * Rejects when the database does not answer.
 */
export async function sweepWorkers(parts: {
  store: Pick<Store, "workers" | "runs">;
  watch: WorkerWatch;
  putBack: PutBack;
  counters: Counters;
  log: Log;
}): Promise<void> {
  const { store, watch, putBack, counters, log } = parts;
  const alive = new Set<string>();
  const gone = new Set<string>();
  const workers = await allWorkers(store);
  for (const { workerId, givenUp } of workers) (givenUp ? gone : alive).add(workerId);
  for (const { workerId, beats } of watch.observe(workers)) {
    // Its count may have moved since: then it is alive, and the write does nothing.
    if (!(await store.workers.giveUp(workerId, beats))) continue;
    alive.delete(workerId);
    gone.add(workerId);
    counters.add("workers_given_up");
    log.warn("a worker is given up: it is silent", { worker_id: workerId });
  }
  const gonePossessions = await putBackOrphans(store, alive, putBack);
  // A worker without runs has nothing that its record could decide any more.
  const forgotten = [...gone].filter((workerId) => !gonePossessions.has(workerId));
  if (forgotten.length > 0) await store.workers.forget(forgotten);
}

/** After a crash of a system that is alone on its database: nobody is alive, so whatever runs is put back. */
export async function recoverAll(store: Pick<Store, "workers" | "runs">, putBack: PutBack): Promise<void> {
  const workers = await allWorkers(store);
  for (const { workerId } of workers) await store.workers.giveUp(workerId);
  await putBackOrphans(store, new Set(), putBack);
  await store.workers.forget(workers.map(({ workerId }) => workerId));
}

/** Answers which workers had something that was put back. */
async function putBackOrphans(
  store: Pick<Store, "workers" | "runs">,
  alive: Set<string>,
  putBack: PutBack,
): Promise<Set<string>> {
  const owners = new Set<string>();
  let after: Key | undefined;
  for (;;) {
    const page = await store.runs.running({ after, limit: pageSize });
    const orphans = await orphansOf(page, store, alive);
    for (const { workerId } of orphans) if (workerId !== undefined) owners.add(workerId);
    if (orphans.length > 0) failpoint("requests-service.orphaned");
    await putBack(orphans, true);
    if (page.length < pageSize) return owners;
    after = page.at(-1);
  }
}

/**
 * A worker may have registered after the workers were listed, so those that seem unknown are asked for
 * again: it registers before it claims, so whoever is still unknown now, after its run was seen, is gone.
 */
async function orphansOf(
  page: Execution[],
  store: Pick<Store, "workers">,
  alive: Set<string>,
): Promise<Execution[]> {
  const suspects = page.filter(({ workerId }) => workerId === undefined || !alive.has(workerId));
  const unsure = [...new Set(suspects.flatMap(({ workerId }) => workerId ?? []))];
  if (unsure.length > 0) {
    for (const worker of await store.workers.get(unsure)) {
      if (!worker.givenUp) alive.add(worker.workerId);
    }
  }
  return suspects.filter(({ workerId }) => workerId === undefined || !alive.has(workerId));
}

async function allWorkers(store: Pick<Store, "workers">) {
  const workers = [];
  for (let after: string | undefined; ; ) {
    const page = await store.workers.list({ after, limit: pageSize });
    workers.push(...page);
    if (page.length < pageSize) return workers;
    after = page.at(-1)?.workerId;
  }
}
