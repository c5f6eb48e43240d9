import { executionMark } from "@sate/contracts";
import { type Execution, runRefOf } from "../executions/execution.ts";
import type { Outbox } from "../outbox/outbox.ts";
import type { Ports } from "../ports.ts";
import { createEndExecutions, type Ending } from "../runs/end-executions.ts";
import { expired, timeout } from "../runs/outcome-without-run.ts";
import { due, wakeAt } from "./due.ts";

const pageSize = 500;
const pagesPerSweep = 20;

/**
 * One sweep over the queued executions for which something has become due: wakes those that waited for their start or a
 * retry, and ends those that expired or whose deadline passed. Any number of sweepers may do this at once, because every
 * write repeats its predicate. Costs one indexed query while nothing is due. Rejects when the database does not respond.
 */
export function createWaitingSweep(ports: Ports, outbox: Outbox): (stopping: AbortSignal) => Promise<void> {
  const { store, counters } = ports;
  const endExecutions = createEndExecutions(ports, outbox);

  /** Returns those that are awake, with their mark. */
  async function wake(executions: Execution[]): Promise<Execution[]> {
    const woken = executions.map(({ start_after = 0, ...awake }) => {
      return {
        start_after,
        execution: { ...awake, wake_at: wakeAt(awake), mark: executionMark(awake.epoch) },
      };
    });
    const areAwake = await store.waiting.wake(
      woken.map(({ start_after, execution }) => {
        return { ...runRefOf(execution), start_after, wake_at: execution.wake_at };
      }),
    );
    return woken.filter((_, index) => areAwake[index]).map(({ execution }) => execution);
  }

  /** Returns how many of the page have changed. */
  async function settle(page: Execution[], now: number): Promise<number> {
    const toWake: Execution[] = [];
    const toEnd: Ending[] = [];
    for (const execution of page) {
      const what = due(execution, now);
      if (what === "wake") toWake.push(execution);
      else if (what !== null) toEnd.push({ execution, end: what === "expired" ? expired : timeout });
    }
    const awake = await wake(toWake);
    const ended = (await endExecutions(toEnd, store.waiting.end)).filter(Boolean).length;
    counters.add("waiting_woken", awake.length);
    counters.add("waiting_ended", ended);
    await outbox.publishAllSoon(awake);
    return awake.length + ended;
  }

  return async (stopping) => {
    for (let pages = 0; pages < pagesPerSweep && !stopping.aborted; pages++) {
      const now = store.now();
      const page = await store.waiting.due({ until: now, limit: pageSize });
      if (page.length === 0) return;
      // If another sweeper was faster, it goes on.
      if ((await settle(page, now)) === 0 || page.length < pageSize) return;
    }
  };
}
