import { limits, type RequestsApi } from "@sate/contracts";
import { runRefOf } from "../executions/execution.ts";
import type { Ports } from "../ports.ts";
import { acceptAnnouncements } from "../processors/accept.ts";
import type { CachedProcessors } from "../processors/known.ts";
import type { RequeueRuns } from "../runs/requeue.ts";
import { groupDifferences } from "./group.ts";
import { divideHeld } from "./held.ts";
import { liveWorkers } from "./live.ts";
import type { ProgressReport } from "./port.ts";

/** The life of a worker, which is one boot of a processor: what it serves, its lease, and its end. */
export function workerCommands(
  { store, counters, log }: Pick<Ports, "store" | "counters" | "log">,
  processors: Pick<CachedProcessors, "refresh">,
  requeueRuns: RequeueRuns,
  leaseMs: number,
) {
  const lease_seconds = leaseMs / 1_000;
  const heldBy = (worker_id: string) => store.runs.running({ worker_id, limit: limits.workerRunsMax });

  return {
    /** Stores the worker before its announcements: these end a withdrawal that did not see the worker. */
    async registerWorker({ worker_id: id, name, group, processors: wanted = [] }) {
      const worker = { id, name, group, processors: [...new Set(wanted.map((one) => one.name))] };
      const isAlive = await store.workers.register(worker);
      if (!isAlive || wanted.length === 0) return { lease_seconds };
      // After it is stored: of two that register at once, at least one sees the other.
      const group_differs = group === undefined ? [] : groupDifferences(worker, await liveWorkers(store));
      const registered = { lease_seconds, ...(group_differs.length > 0 && { group_differs }) };
      const { accepted, refused } = acceptAnnouncements(wanted, await store.processors.list());
      await store.processors.announce(accepted);
      await processors.refresh();
      if (refused.length === 0) return registered;
      counters.add("announcements_refused", refused.length);
      log.warn("too many processors are known: announcements were refused", {
        worker_id: id,
        processors: refused.join(" "),
      });
      return { ...registered, refused };
    },

    async heartbeat({ worker_id, progress = [], held, claim_id }) {
      if (!(await store.workers.beat(worker_id))) return { kind: "given_up" };
      await store.workers.progress(progress.map(reportOf), worker_id);
      const { kept, unknown } = divideHeld(await heldBy(worker_id), { held, claim_id });
      await requeueRuns(unknown, false);
      return {
        kind: "alive",
        runs: kept.map((execution) => ({ ...runRefOf(execution), cancel: execution.cancel_requested })),
      };
    },

    async endWorker({ worker_id }) {
      await store.workers.expire(worker_id);
      const handedBack = await requeueRuns(await heldBy(worker_id), false);
      await store.workers.forget([worker_id]);
      return { handed_back: handedBack };
    },
  } satisfies Partial<RequestsApi>;
}

/** Field by field: bodies are open, and unknown fields are not stored. */
function reportOf({ request_id, attempt, execution_id, epoch, progress }: ProgressReport): ProgressReport {
  const { fraction, message } = progress;
  return {
    ...{ request_id, attempt, execution_id, epoch },
    progress: { fraction, ...(message !== undefined && { message }) },
  };
}
