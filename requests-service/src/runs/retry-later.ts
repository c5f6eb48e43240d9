import { cancelled, executionKey, type RequestsApi, Unavailable } from "@sate/contracts";
import { type Execution, runRefOf } from "../executions/execution.ts";
import type { Outbox } from "../outbox/outbox.ts";
import type { Ports, Retry } from "../ports.ts";
import { wakeAt } from "../waiting/due.ts";
import { createEndExecutions, type Ending } from "./end-executions.ts";
import type { End } from "./outcome-without-run.ts";

type Wanted = Parameters<RequestsApi["retryLater"]>[0]["runs"][number];
type Answer = Awaited<ReturnType<RequestsApi["retryLater"]>>["answers"][number]["kind"];
type Decision =
  | { kind: "answer"; answer: Answer }
  | { kind: "retry"; execution: Execution }
  | { kind: "end"; execution: Execution; end: End };

/** Decides what happens to an execution after a failed try that is not its last. Pure; `now`: by the store's clock. */
export function decideRetry(execution: Execution | undefined, run: Wanted, now: number): Decision {
  if (execution?.id !== run.execution_id) return { kind: "answer", answer: "unknown" };
  if (execution.epoch !== run.epoch) return { kind: "answer", answer: "refused" };
  if (execution.status === "running") {
    if (execution.cancel_requested) return { kind: "end", execution, end: cancelled };
    const { deadline_at = Number.POSITIVE_INFINITY } = execution;
    if (now + run.delay_ms < deadline_at) return { kind: "retry", execution };
    // A retry would only wait for the deadline, and the reason of the failure would be lost.
    const { code, message } = run.error;
    return { kind: "end", execution, end: { status: "failed", error: { code, message } } };
  }
  // An earlier call did it; or the worker was lost, and the execution is run again anyway.
  if (execution.status === "queued") return { kind: "answer", answer: "retrying" };
  const { outcome } = execution;
  const isSameEnd = outcome?.status === "failed" && outcome.error.code === run.error.code;
  return { kind: "answer", answer: outcome?.status === "cancelled" || isSameEnd ? "ended" : "refused" };
}

/** Between read and write a cancellation may be requested, once. More rounds do not happen. */
const roundsMax = 20;

/**
 * Requeues executions for another try after a pause. Decides and writes; those that change in between are read and
 * decided again.
 */
export function retryLaterCommand(ports: Ports, outbox: Outbox): RequestsApi["retryLater"] {
  const { store, counters } = ports;
  const endExecutions = createEndExecutions(ports, outbox);

  /** Returns for each whether it waits for its retry. */
  async function retry(wanted: { run: Wanted; execution: Execution }[]): Promise<boolean[]> {
    const retries = wanted.map(({ run, execution }): Retry => {
      const start_after = store.now() + run.delay_ms;
      const wake_at = wakeAt({ ...execution, start_after }) ?? start_after;
      const { code, message } = run.error;
      return { ...runRefOf(execution), start_after, wake_at, last_error: { code, message } };
    });
    const areQueued = await store.runs.retryLater(retries);
    counters.add("runs_retried", areQueued.filter(Boolean).length);
    return areQueued;
  }

  return async ({ runs }) => {
    const answers: Answer[] = [];
    let open = [...runs.entries()];
    for (let round = 0; open.length > 0; round++) {
      if (round === roundsMax) throw new Unavailable("The executions changed too often to be requeued.");
      const stored = await store.executions.get(open.map(([, run]) => run));
      const byKey = new Map(stored.map((one) => [executionKey(one.request_id, one.attempt), one]));
      const toRetry: { index: number; run: Wanted; execution: Execution }[] = [];
      const toEnd: { index: number; ending: Ending }[] = [];
      for (const [index, run] of open) {
        const decision = decideRetry(byKey.get(executionKey(run.request_id, run.attempt)), run, store.now());
        if (decision.kind === "answer") answers[index] = decision.answer;
        else if (decision.kind === "retry") toRetry.push({ index, run, execution: decision.execution });
        else toEnd.push({ index, ending: { execution: decision.execution, end: decision.end } });
      }
      const areQueued = await retry(toRetry);
      for (const [at, { index }] of toRetry.entries()) if (areQueued[at]) answers[index] = "retrying";
      const endings = toEnd.map(({ ending }) => ending);
      const areEnded = await endExecutions(endings, store.runs.finish);
      for (const [at, { index }] of toEnd.entries()) if (areEnded[at]) answers[index] = "ended";
      open = open.filter(([index]) => answers[index] === undefined);
    }
    const refused = answers.filter((answer) => answer === "refused").length;
    if (refused > 0) counters.add("retries_refused", refused);
    return { answers: answers.map((kind) => ({ kind })) };
  };
}
