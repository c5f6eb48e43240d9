import {
  type ExecutionRecord,
  executionRecord,
  type OutgoingRecord,
  outcomeRecord,
  type RequestRecord,
  type Run,
  type RunRef,
} from "@sate/contracts";
import type { Execution, StoredRequest } from "./execution.ts";

/** The one place where our own types become those of the contract. */

export function requestOnWire(request: StoredRequest): RequestRecord {
  return {
    id: request.id,
    payload_json: request.payloadJson,
    ...(request.processor !== undefined && { processor: request.processor }),
    creation_date: request.creationDate,
  };
}

export function executionOnWire(execution: Execution): ExecutionRecord {
  const { outcome } = execution;
  return {
    id: execution.id,
    request_id: execution.requestId,
    attempt: execution.attempt,
    force_error: execution.forceError,
    creation_date: execution.creationDate,
    status: execution.status,
    epoch: execution.epoch,
    lost: execution.lost,
    ...(outcome && outcome.status !== "succeeded" && { error: outcome.error }),
  };
}

export function runRefOf(execution: Execution): RunRef {
  return {
    request_id: execution.requestId,
    attempt: execution.attempt,
    execution_id: execution.id,
    epoch: execution.epoch,
  };
}

export function runOnWire(execution: Execution, request: StoredRequest): Run {
  return {
    ...runRefOf(execution),
    force_error: execution.forceError,
    creation_date: execution.creationDate,
    payload_json: request.payloadJson,
    ...(request.processor !== undefined && { processor: request.processor }),
    ...(execution.traceparent !== undefined && { traceparent: execution.traceparent }),
  };
}

/** What the outbox mark of this execution asks for: its outcome if it has one, otherwise its wake-up. */
export function markedRecord(execution: Execution, request: StoredRequest): OutgoingRecord {
  const { outcome } = execution;
  const run = runOnWire(execution, request);
  return outcome ? outcomeRecord(run, outcome) : executionRecord({ ...run, id: execution.id });
}
