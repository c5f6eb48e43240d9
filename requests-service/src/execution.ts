import type { ExecutionStatus, Outcome, RunRef } from "@sate/contracts";

/** A processing request as it is stored. `payloadJson` is opaque. */
export type StoredRequest = {
  id: string;
  payloadJson: string;
  processor?: string | undefined;
  creationDate: string;
};

/** The key of an execution. Pages are in the order of keys: by request, then by attempt. */
export type Key = { requestId: string; attempt: number };

/**
 * An execution as it is stored: one document, changed only by conditional single-document writes.
 *
 *     queued ──claim──▶ running ──finish──▶ succeeded | failed | dead_lettered | cancelled
 *        ▲                 │
 *        └────requeue──────┘
 *
 * `epoch` counts the runs, and is the fencing token of the last. A final status has an outcome and never
 * changes.
 */
export type Execution = Key & {
  id: string;
  forceError: boolean;
  creationDate: string;
  traceparent?: string | undefined;
  status: ExecutionStatus;
  epoch: number;
  lost: number;
  /** Of a running execution: who runs it, and under which claim. */
  workerId?: string | undefined;
  claimId?: string | undefined;
  cancelRequested: boolean;
  outcome?: Outcome | undefined;
  /** What must still be done: publish it, `executionMark(epoch)` or `outcomeMark`, or see to its result, `unconfirmedMark`. */
  mark?: string | undefined;
};

/**
 * What becomes of `outcomeMark` when the outcome is published: whether its result was recorded must still be
 * seen. Below every mark of the outbox, so that what must be published is found without it. Executions that
 * were published by versions before this mark have none: they count as confirmed.
 */
export const unconfirmedMark = "confirm";

/** How a run ended. `lost` is given where the loss of this run is what ended it: the number of lost runs. */
export type Decided = RunRef & { outcome: Outcome; lost?: number };
