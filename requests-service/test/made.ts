import { executionMark, formatTimestamp, type Outcome, type RunRef } from "@sate/contracts";
import type { Execution, StoredRequest } from "../src/execution.ts";
import type { Refusal } from "../src/ports.ts";
import { runRefOf } from "../src/wire.ts";

/** Things as they would be in a database, with what a test wants to be special about them. */

export const newId = (): string => Bun.randomUUIDv7();
const date = formatTimestamp(0);

export function madeRequest(parts: Partial<StoredRequest> = {}): StoredRequest {
  return { id: newId(), payloadJson: '{"message":"ping"}', creationDate: date, ...parts };
}

/** A queued one that was never claimed. */
export function madeExecution(parts: Partial<Execution> = {}): Execution {
  return {
    id: newId(),
    requestId: newId(),
    attempt: 1,
    forceError: false,
    creationDate: date,
    status: "queued",
    epoch: 0,
    lost: 0,
    cancelRequested: false,
    mark: executionMark(0),
    ...parts,
  };
}

export function madeRefusal(parts: Partial<Refusal> = {}): Refusal {
  const numbers = { failures: 3, max_failures: 3 };
  return { id: newId(), request_id: newId(), force_error: false, creation_date: date, ...numbers, ...parts };
}

export function madeOutcome(
  status: Outcome["status"] = "succeeded",
  parts: { resultId?: string; outputsJson?: string } = {},
): Outcome {
  const ended = {
    result_id: parts.resultId ?? newId(),
    processing_start_time: date,
    processing_end_time: date,
    processing_total_seconds: 0.5,
  };
  if (status === "succeeded") return { status, ...ended, outputs_json: parts.outputsJson ?? '{"a":1}' };
  return { status, ...ended, error: { code: "boom", message: "It went wrong." } };
}

export function refOf(execution: Execution) {
  const { request_id, attempt, execution_id } = runRefOf(execution);
  return { request_id, attempt, execution_id };
}

export function runOf(execution: Execution, epoch = execution.epoch): RunRef {
  return { ...runRefOf(execution), epoch };
}
