import { type ExecutionStatus, executionKey, type Outcome } from "@sate/contracts";
import type { Execution, Key, StoredRequest } from "../execution.ts";
import type { Worker } from "../ports.ts";
import { joinedOutcome, splitOutcome } from "./stored-outcome.ts";

/**
 * The documents of the Requests DB. Payloads, outputs and outcomes are JSON text, never sub-documents: no
 * key of a client can mean anything to the database.
 */

export type RequestDocument = { _id: string; payload: string; processor?: string; creation_date: string };

/** `_id` is `executionKey(request_id, attempt)`. `mark` is there exactly while something must be published or confirmed. */
export type ExecutionDocument = {
  _id: string;
  request_id: string;
  attempt: number;
  id: string;
  force_error: boolean;
  creation_date: string;
  traceparent?: string;
  status: ExecutionStatus;
  epoch: number;
  lost: number;
  cancel_requested: boolean;
  worker_id?: string;
  claim_id?: string;
  result_id?: string;
  /** The outcome without its outputs, which stand beside it so that they need not always be read. */
  outcome?: string;
  outputs?: string;
  mark?: string;
};

/** Outputs are large and seldom of use. */
export const withoutOutputs = { outputs: 0 };

export type WorkerDocument = { _id: string; beats: number; given_up: boolean };

export function requestDocument(request: StoredRequest): RequestDocument {
  const { id, payloadJson, processor, creationDate } = request;
  return {
    _id: id,
    payload: payloadJson,
    ...(processor !== undefined && { processor }),
    creation_date: creationDate,
  };
}

export function requestOf(document: RequestDocument): StoredRequest {
  const { _id, payload, processor, creation_date } = document;
  return { id: _id, payloadJson: payload, processor, creationDate: creation_date };
}

/** Of a new execution: it has no worker and no outcome. */
export function executionDocument(execution: Execution): ExecutionDocument {
  return {
    _id: executionKey(execution.requestId, execution.attempt),
    request_id: execution.requestId,
    attempt: execution.attempt,
    id: execution.id,
    force_error: execution.forceError,
    creation_date: execution.creationDate,
    ...(execution.traceparent !== undefined && { traceparent: execution.traceparent }),
    status: execution.status,
    epoch: execution.epoch,
    lost: execution.lost,
    cancel_requested: execution.cancelRequested,
    ...(execution.mark !== undefined && { mark: execution.mark }),
  };
}

/** The reverse of `executionKey`. */
export function executionKeyParts(key: string): Key {
  const colon = key.lastIndexOf(":");
  return { requestId: key.slice(0, colon), attempt: Number(key.slice(colon + 1)) };
}

export function executionOf(document: ExecutionDocument): Execution {
  return {
    requestId: document.request_id,
    attempt: document.attempt,
    id: document.id,
    forceError: document.force_error,
    creationDate: document.creation_date,
    traceparent: document.traceparent,
    status: document.status,
    epoch: document.epoch,
    lost: document.lost,
    workerId: document.worker_id,
    claimId: document.claim_id,
    cancelRequested: document.cancel_requested,
    outcome: document.outcome === undefined ? undefined : joinedOutcome(document.outcome, document.outputs),
    mark: document.mark,
  };
}

/** The fields that a final execution gets. */
export function outcomeFields(outcome: Outcome) {
  const { text, outputs } = splitOutcome(outcome);
  return {
    status: outcome.status,
    result_id: outcome.result_id,
    outcome: text,
    ...(outputs !== null && { outputs }),
  };
}

export function workerOf({ _id, beats, given_up }: WorkerDocument): Worker {
  return { workerId: _id, beats, givenUp: given_up };
}
