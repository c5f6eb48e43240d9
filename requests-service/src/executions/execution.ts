import {
  defaultTimeoutSeconds,
  type ExecutionError,
  type ExecutionRecord,
  type ExecutionStatus,
  type FinishedRun,
  type Outcome,
  type Progress,
  type PublishedExecution,
  processorNameOf,
  type RequestRecord,
  type Run,
  type RunRef,
} from "@sate/contracts";

/**
 * An execution as it is stored: one document, changed only by conditional single-document writes.
 *
 *     queued ──claim──▶ running ──finish──▶ succeeded | failed | dead_lettered | cancelled
 *        ▲                 │
 *        └────requeue──────┘
 *
 * `epoch` counts the runs and is the fencing token of the last one. A final status has an outcome and never changes.
 * A queued one that waits for an instant has `start_after`, and no mark: see `waiting/due.ts`.
 */
export type Execution = Omit<ExecutionRecord, "status" | "error" | Optional> & {
  [name in Optional]?: ExecutionRecord[name] | undefined;
} & {
  /** `removed`: its request was removed. The last attempt of such a request was created so, and never was an execution. */
  status: ExecutionStatus | "removed";
  traceparent?: string | undefined;
  /** The Idempotency-Key with which it was created. */
  key_hash?: string | undefined;
  body_hash?: string | undefined;
  /** When it ended. Executions that ended in earlier versions have none. */
  ended_at?: number | undefined;
  /** The timeout that the client asked for, if it did. */
  timeout_seconds?: number | undefined;
  /** Of a queued execution: the earliest instant at which something becomes due for it. */
  wake_at?: number | undefined;
  /** The error of the last try that is followed by another. */
  last_error?: ExecutionError | undefined;
  /** Of a running execution: the worker that runs it, the claim that started the run, and how far it has come. */
  worker_id?: string | undefined;
  claim_id?: string | undefined;
  progress?: Progress | undefined;
  cancel_requested: boolean;
  outcome?: Outcome | undefined;
  /**
   * What is still to be done: publish it (`executionMark(epoch)`, `outcomeMark`), confirm its result
   * (`unconfirmedMark`), or complete the removal of its request (`removalMarks`).
   */
  mark?: string | undefined;
};
type Optional = "start_after" | "expires_at" | "deadline_at" | "progress" | "labels" | "removed_at";

/**
 * Replaces `outcomeMark` once the outcome is published, until its result is known to be recorded. It sorts below every
 * outbox mark, so the outbox is read without it. Executions published by versions without this mark count as confirmed.
 */
export const unconfirmedMark = "confirm";

/**
 * Of the attempt by which a request is removed: `begun` until everything is removed, then `done` until a sweep has removed
 * once more what calls that were in flight may have stored. They sort below all other marks.
 */
export const removalMarks = { begun: "being_removed:1", done: "being_removed:2" } as const;

/** How a run ended. `lost`: the number of lost runs, where losing this one is what ended the execution. */
export type EndedRun = FinishedRun & { lost?: number };

/**
 * The execution of a request that is not removed, without what only the store knows. It has a processor of its own, too,
 * for lists.
 */
export function executionRecordOf(
  execution: Execution,
  request: Pick<RequestRecord, "processor"> = execution,
): ExecutionRecord {
  const { id, request_id, attempt, force_error, creation_date, status, epoch, lost } = execution;
  const { start_after, expires_at, deadline_at, progress, outcome, last_error, labels, removed_at } =
    execution;
  const isFinal = outcome !== undefined;
  const error = isFinal && outcome.status !== "succeeded" ? outcome.error : isFinal ? undefined : last_error;
  return {
    ...{ id, request_id, attempt, force_error, creation_date, epoch, lost },
    status: status as ExecutionStatus,
    tries: outcome?.tries ?? execution.tries,
    processor: processorNameOf(request),
    ...(labels && { labels }),
    ...(start_after !== undefined && { start_after }),
    ...(expires_at !== undefined && { expires_at }),
    ...(deadline_at !== undefined && { deadline_at }),
    ...(progress && { progress }),
    ...(error && { error }),
    ...(removed_at !== undefined && { removed_at }),
  };
}

export function runRefOf({ request_id, attempt, id, epoch }: Execution): RunRef {
  return { request_id, attempt, execution_id: id, epoch };
}

/** What is published of an execution. Its request names its processor. */
export function publishedOf(execution: Execution, request: RequestRecord) {
  const { id, request_id, attempt, force_error, creation_date, traceparent } = execution;
  const { payload_json } = request;
  return {
    ...{ id, request_id, attempt, force_error, creation_date, payload_json },
    processor: processorNameOf(request),
    ...(traceparent !== undefined && { traceparent }),
  } satisfies PublishedExecution;
}

/** A running execution for its processor. `now`: by the clock of the store. */
export function runOf(execution: Execution, request: RequestRecord, now: number): Run {
  const { id: _, ...published } = publishedOf(execution, request);
  // A run that was claimed from a version without deadlines has none.
  const { tries, deadline_at = now + defaultTimeoutSeconds * 1_000 } = execution;
  return {
    ...runRefOf(execution),
    ...published,
    try: tries + 1,
    left_ms: Math.max(deadline_at - now, 0),
  };
}
