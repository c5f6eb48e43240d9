import {
  type ExecutionRecord,
  type FinishRun,
  type RetryPolicy,
  type RunRef,
  retryDelayMs,
  runRef,
} from "@sate/contracts";
import { type ApiKey, mayServe } from "../access/api-keys.ts";
import { Refusal } from "../http/problem-response.ts";
import type { Ports } from "../ports.ts";
import type { Announcements } from "../processors/announcements.ts";
import type { LiveWorkers } from "./live-worker.ts";
import { endOf, outcomeOf } from "./outcome.ts";

type Finished = "stored" | "retrying" | "refused" | "unknown";

/**
 * Creates the function that finishes a remote worker's run: stores its outcome, or requeues the execution if another try
 * is due. A worker can finish only runs that it holds, of processors that its key may serve. Calls may be repeated,
 * because the ids of results are derived.
 */
export function createFinishRun(
  parts: Pick<Ports, "requests" | "clock" | "random"> & {
    announcements: Announcements;
    liveWorkers: LiveWorkers;
  },
) {
  const { requests, clock, random, announcements, liveWorkers } = parts;

  /** Without its payload. */
  async function executionOf({ request_id, attempt, execution_id }: RunRef) {
    const after_attempt = attempt - 1;
    const found = await requests.listExecutions({ request_id, limit: 1, after_attempt });
    return found.kind === "found" ? found.executions.find(({ id }) => id === execution_id) : undefined;
  }

  /** The announcement of the processor; undefined if it was withdrawn. */
  async function announced(processor: string) {
    try {
      return await announcements(processor);
    } catch (error) {
      if (error instanceof Refusal) return undefined;
      throw error;
    }
  }

  return async (workerId: string, key: ApiKey | undefined, body: FinishRun): Promise<Finished> => {
    const run = runRef(body);
    const holds = await liveWorkers.renew(workerId);
    const held = holds.find((one) => one.execution_id === run.execution_id && one.epoch === run.epoch);
    const { end, isRetryable } = endOf(body, held?.cancel === true);
    const execution = await executionOf(run);
    if (execution === undefined || !mayServe(key, execution.processor)) return "unknown";
    const isRunning = execution.status === "running" && execution.epoch === run.epoch;
    // The run is another worker's, or has not begun and may become another worker's at any moment.
    if ((isRunning && held === undefined) || run.epoch > execution.epoch) return "refused";
    const { retry, version } = (await announced(execution.processor)) ?? {};
    if (
      end.status === "failed" &&
      isRetryable &&
      retry !== undefined &&
      hasTriesLeft(retry, execution, isRunning)
    ) {
      const delay_ms = retryDelayMs(retry, execution.tries + 1, random());
      const retried = await requests.retryLater({ runs: [{ ...run, delay_ms, error: end.error }] });
      const kind = retried.answers[0]?.kind;
      if (kind === "retrying") return kind;
      if (kind === "ended") return "stored";
    }
    const outcome = outcomeOf(end, body, { now: clock(), tries: execution.tries + 1, version });
    const { answers } = await requests.finish({ runs: [{ ...run, outcome }], publish: true });
    return answers[0]?.kind ?? "unknown";
  };
}

/** If the run has ended, this call may repeat one that requeued it, which requests-service recognizes. */
function hasTriesLeft({ tries }: RetryPolicy, execution: ExecutionRecord, isRunning: boolean): boolean {
  return !isRunning || execution.tries + 1 < tries;
}
