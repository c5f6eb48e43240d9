import { cancelled } from "@sate/contracts";
import type { Execution } from "../executions/execution.ts";
import type { Outbox } from "../outbox/outbox.ts";
import type { Ports } from "../ports.ts";
import { createEndExecutions } from "./end-executions.ts";
import { timeout } from "./outcome-without-run.ts";

/** A worker ends its runs at their deadline itself, and has this long to report it. */
export const graceMs = 10_000;

/**
 * Finds running executions whose deadline has passed. When one is first seen, the time that it has left is read from the
 * store's clock, and from then on it is measured with the monotonic clock of this process: so a clock that jumps ends
 * nothing.
 */
export type DeadlineWatch = {
  /** Those of a page of running executions that are past their deadline and the grace period. */
  overdue(running: Execution[], now: number): Execution[];
  /** Forgets the executions that were not seen since the last call, because they run no longer. */
  swept(): void;
};

export function createDeadlineWatch(monotonic: () => number): DeadlineWatch {
  let endsAt = new Map<string, number>();
  let seen = new Map<string, number>();
  return {
    overdue(running, now) {
      return running.filter(({ id, deadline_at }) => {
        // Runs that a version without deadlines started have none.
        if (deadline_at === undefined) return false;
        const end = endsAt.get(id) ?? monotonic() + Math.max(deadline_at - now, 0) + graceMs;
        seen.set(id, end);
        return end <= monotonic();
      });
    },
    swept() {
      endsAt = seen;
      seen = new Map();
    },
  };
}

/**
 * Ends executions that are running past their deadline, for every kind of worker: as timed out, or as cancelled if that
 * was requested. What their workers report later is refused.
 */
export function createEndOverdue(ports: Ports, outbox: Outbox) {
  const { store, counters, log } = ports;
  const endExecutions = createEndExecutions(ports, outbox);
  return async (executions: Execution[]): Promise<void> => {
    const endings = executions.map((execution) => ({
      execution,
      end: execution.cancel_requested ? cancelled : timeout,
    }));
    const areEnded = await endExecutions(endings, store.runs.finish);
    const ended = executions.filter((_, index) => areEnded[index]);
    for (const { id, request_id, epoch, worker_id } of ended) {
      log.warn("an execution that its worker had not ended at its deadline was ended", {
        ...{ execution_id: id, request_id, epoch, worker_id },
      });
    }
    if (ended.length > 0) counters.add("runs_overdue", ended.length);
  };
}

export type EndOverdue = ReturnType<typeof createEndOverdue>;
