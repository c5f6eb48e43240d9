import { executionMark, outcomeMark } from "@sate/contracts";
import { decideReturn, outcomeWithoutRun } from "./ending.ts";
import type { Decided, Execution } from "./execution.ts";
import { failpoint } from "./failpoint.ts";
import type { Outbox } from "./outbox.ts";
import type { Clock, Store } from "./ports.ts";
import type { Counters } from "./runtime/metrics.ts";
import { runRefOf } from "./wire.ts";

/**
 * Puts running executions back that ended without an outcome, as `decideReturn` says. Conditional on their
 * epochs: what has changed since it was read stays as it is. Answers how many it put back or ended.
 */
export type PutBack = (executions: Execution[], isLost: boolean) => Promise<number>;

const payloadsAtOnce = 32;

export function createPutBack(parts: {
  store: Pick<Store, "runs" | "requests">;
  outbox: Pick<Outbox, "wake">;
  counters: Counters;
  clock: Clock;
  newId: () => string;
  lostMax: number;
}): PutBack {
  const { store, outbox, counters, clock, newId, lostMax } = parts;

  /** The marks are written, so nothing is lost if this fails: it only hurries, the outbox sweep is sure. */
  async function wakeAll(executions: Execution[]): Promise<void> {
    try {
      for (let at = 0; at < executions.length; at += payloadsAtOnce) {
        const chunk = executions.slice(at, at + payloadsAtOnce);
        const requests = await store.requests.get([...new Set(chunk.map(({ requestId }) => requestId))]);
        for (const execution of chunk) {
          const request = requests.get(execution.requestId);
          if (request) outbox.wake(execution, request);
        }
      }
    } catch {
      counters.add("outbox_left_to_sweep");
    }
  }

  return async (executions, isLost) => {
    if (executions.length === 0) return 0;
    const requeued: Execution[] = [];
    const ended: { execution: Execution; decided: Decided }[] = [];
    for (const execution of executions) {
      const back = decideReturn(execution, isLost, lostMax);
      if (back.kind === "requeue") {
        requeued.push(execution);
        continue;
      }
      const status = back.kind === "lost" ? "dead_lettered" : "cancelled";
      const outcome = outcomeWithoutRun(status, back.error, { resultId: newId(), now: clock() });
      const lost = isLost ? execution.lost + 1 : execution.lost;
      ended.push({ execution, decided: { ...runRefOf(execution), outcome, lost } });
    }
    const wereRequeued = await store.runs.requeue(requeued.map(runRefOf), isLost);
    failpoint("requests-service.requeued");
    const wereEnded = await store.runs.finish(ended.map(({ decided }) => decided));
    const woken: Execution[] = [];
    requeued.forEach((execution, index) => {
      if (!wereRequeued[index]) return;
      const lost = execution.lost + (isLost ? 1 : 0);
      woken.push({ ...execution, status: "queued", lost, mark: executionMark(execution.epoch) });
    });
    ended.forEach(({ execution, decided: { outcome } }, index) => {
      if (wereEnded[index] !== "stored") return;
      woken.push({ ...execution, status: outcome.status, outcome, mark: outcomeMark });
    });
    counters.add(isLost ? "runs_lost" : "runs_handed_back", woken.length);
    await wakeAll(woken);
    return woken.length;
  };
}
