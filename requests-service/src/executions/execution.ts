import type { ExecutionRecord, FinishedRun, Outcome, RequestRecord, Run, RunRef } from "@sate/contracts";

/**
 * An execution as it is stored: one document, changed only by conditional single-document writes.
 *
 *     queued ──claim──▶ running ──finish──▶ succeeded | failed | dead_lettered | cancelled
 *        ▲                 │
 *        └────requeue──────┘
 *
 * `epoch` counts the runs and is the fencing token of the last one. A final status has an outcome and never changes.
 */
export type Execution = Omit<ExecutionRecord, "error"> & {
  traceparent?: string | undefined;
  /** Of a running execution: the worker that runs it, and the claim that started the run. */
  worker_id?: string | undefined;
  claim_id?: string | undefined;
  cancel_requested: boolean;
  outcome?: Outcome | undefined;
  /** What is still to be done: publish it (`executionMark(epoch)`, `outcomeMark`) or confirm its result (`unconfirmedMark`). */
  mark?: string | undefined;
};

/**
 * Replaces `outcomeMark` once the outcome is published, until its result is known to be recorded. It sorts below every
 * outbox mark, so the outbox is read without it. Executions published by versions without this mark count as confirmed.
 */
export const unconfirmedMark = "confirm";

/** How a run ended. `lost`: the number of lost runs, where losing this one is what ended the execution. */
export type EndedRun = FinishedRun & { lost?: number };

/** The execution without what only the store knows. */
export function executionRecordOf(execution: Execution): ExecutionRecord {
  const { id, request_id, attempt, force_error, creation_date, status, epoch, lost, outcome } = execution;
  const record = { id, request_id, attempt, force_error, creation_date, status, epoch, lost };
  return outcome && outcome.status !== "succeeded" ? { ...record, error: outcome.error } : record;
}

export function runRefOf({ request_id, attempt, id, epoch }: Execution): RunRef {
  return { request_id, attempt, execution_id: id, epoch };
}

export function runOf(execution: Execution, { payload_json, processor }: RequestRecord): Run {
  const { force_error, creation_date, traceparent } = execution;
  return {
    ...runRefOf(execution),
    ...{ force_error, creation_date, payload_json },
    ...(processor !== undefined && { processor }),
    ...(traceparent !== undefined && { traceparent }),
  };
}
