import { defaultProcessor } from "@sate/contracts";
import type { Execution } from "../executions/execution.ts";
import type { Outbox } from "../outbox/outbox.ts";
import type { Ports } from "../ports.ts";
import { createEndExecutions } from "../runs/end-executions.ts";
import type { End } from "../runs/outcome-without-run.ts";
import { liveWorkers } from "../workers/live.ts";
import type { CachedProcessors } from "./known.ts";
import type { KnownProcessor, Withdrawal } from "./port.ts";

const withdrawnEnd: End = {
  status: "failed",
  error: {
    code: "processor_withdrawn",
    message: "The processor was withdrawn while the execution waited for it.",
  },
};

/** Executions per page. A call and a sweep begin no further page after these times; the next sweep continues. */
const pageSize = 200;
const callMsMax = 2_000;
const sweepMsMax = 20_000;
/** Longer than a call that creates executions can take: later calls have seen the withdrawal, so it can be forgotten. */
const forgetMs = 3_600_000;

/**
 * Withdraws processors. Until a worker announces a withdrawn processor again, requests cannot name it, and executions
 * that wait for it fail.
 *
 * The withdrawal is stored first. A call that is creating an execution at that moment may not have seen it, so sweeps
 * keep ending such executions. Once the withdrawal is an hour old and no execution waits, they delete the processor. A
 * worker is stored with the processors that it serves before it announces them. So a worker that registers during a
 * withdrawal is either found when the withdrawal reads the workers a second time, or announces the processor after the
 * withdrawal was stored. Either way, the processor is no longer withdrawn.
 */
export type Withdrawals = {
  /** May be repeated. May leave some of the waiting executions to the sweeps. */
  withdraw(name: string): Promise<"withdrawn" | "unknown" | "served">;
  /** Any number of processes may do this at once. Rejects when the database does not respond. */
  sweep(signal: AbortSignal): Promise<void>;
};

export function createWithdrawals(
  ports: Ports,
  outbox: Pick<Outbox, "publishAllSoon">,
  processors: Pick<CachedProcessors, "refresh">,
): Withdrawals {
  const { store, counters } = ports;
  const endExecutions = createEndExecutions(ports, outbox);

  async function servedNames(): Promise<Set<string>> {
    return new Set((await liveWorkers(store)).flatMap((worker) => worker.processors));
  }

  /** Returns how many of these ended now. */
  async function endQueued(executions: Execution[]): Promise<number> {
    const endings = executions.map((execution) => ({ execution, end: withdrawnEnd }));
    const ended = (await endExecutions(endings, store.waiting.end)).filter(Boolean).length;
    counters.add("executions_withdrawn", ended);
    return ended;
  }

  /** Ends the executions that wait for these processors, while they stay withdrawn. Returns whether none is left. */
  async function endAll(names: string[], isOver: () => boolean): Promise<boolean> {
    for (;;) {
      const page = await store.processors.queued(names, pageSize);
      if (page.length === 0) return true;
      // Read after the page, so what is on it was not created after a new announcement.
      const withdrawn = new Set(withdrawalsOf(await store.processors.list()).map(({ name }) => name));
      const ended = await endQueued(page.filter(({ processor }) => withdrawn.has(processor)));
      // If nothing ended, another call was faster and goes on, or a worker has announced the processor again.
      if (ended === 0 || isOver()) return false;
    }
  }

  return {
    async withdraw(name) {
      if (name === defaultProcessor) return "served";
      if ((await servedNames()).has(name)) return "served";
      const withdrawn_at = await store.processors.withdraw(name);
      if (withdrawn_at === null) return "unknown";
      if ((await servedNames()).has(name)) {
        await store.processors.restore([{ name, withdrawn_at }]);
        return "served";
      }
      await processors.refresh();
      const endAt = performance.now() + callMsMax;
      await endAll([name], () => performance.now() > endAt);
      return "withdrawn";
    },

    async sweep(signal) {
      const withdrawals = withdrawalsOf(await store.processors.list());
      if (withdrawals.length === 0) return;
      const served = await servedNames();
      // Left by a process that ended between its two looks at the workers.
      await store.processors.restore(withdrawals.filter(({ name }) => served.has(name)));
      const standing = withdrawals.filter(({ name }) => !served.has(name));
      const endAt = performance.now() + sweepMsMax;
      const isOver = () => signal.aborted || performance.now() > endAt;
      const names = standing.map(({ name }) => name);
      if (names.length === 0 || !(await endAll(names, isOver))) return;
      await store.processors.forget(
        standing.filter(({ withdrawn_at }) => withdrawn_at < store.now() - forgetMs),
      );
    },
  };
}

function withdrawalsOf(processors: KnownProcessor[]): Withdrawal[] {
  return processors.flatMap(({ announcement, withdrawn_at }) =>
    withdrawn_at === undefined ? [] : { name: announcement.name, withdrawn_at },
  );
}
