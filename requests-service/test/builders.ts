import {
  defaultProcessor,
  type ExecutionRef,
  executionMark,
  formatTimestamp,
  type Outcome,
  type RequestRecord,
  type RunRef,
} from "@sate/contracts";
import { type Execution, runRefOf } from "../src/executions/execution.ts";
import type { Refusal } from "../src/ports.ts";

/** Records as they are stored, with the parts that matter to a test. */

export const newId = (): string => Bun.randomUUIDv7();
const creation_date = formatTimestamp(0);

export function madeRequest(parts: Partial<RequestRecord> = {}): RequestRecord {
  return { id: newId(), payload_json: '{"message":"ping"}', creation_date, ...parts };
}

/** A queued one that was never claimed. */
export function madeExecution(parts: Partial<Execution> = {}): Execution {
  return {
    ...{ id: newId(), request_id: newId(), attempt: 1, force_error: false, creation_date },
    ...{ status: "queued", epoch: 0, lost: 0, cancel_requested: false, mark: executionMark(0) },
    ...{ processor: defaultProcessor, tries: 0 },
    ...parts,
  };
}

export function madeRefusal(parts: Partial<Refusal> = {}): Refusal {
  const numbers = { failures: 3, max_failures: 3 };
  return { id: newId(), request_id: newId(), force_error: false, creation_date, ...numbers, ...parts };
}

export function madeOutcome(
  status: Outcome["status"] = "succeeded",
  parts: { resultId?: string; outputsJson?: string } = {},
): Outcome {
  const ended = {
    result_id: parts.resultId ?? newId(),
    processing_start_time: creation_date,
    processing_end_time: creation_date,
    processing_total_seconds: 0.5,
  };
  if (status === "succeeded") return { status, ...ended, outputs_json: parts.outputsJson ?? '{"a":1}' };
  return { status, ...ended, error: { code: "boom", message: "It went wrong." } };
}

export function refOf({ request_id, attempt, id }: Execution): ExecutionRef {
  return { request_id, attempt, execution_id: id };
}

/** A queued execution to be cancelled. */
export function cancelOf(execution: Execution): ExecutionRef & { tries: number } {
  return { ...refOf(execution), tries: execution.tries };
}

export function runOf(execution: Execution, epoch = execution.epoch): RunRef {
  return { ...runRefOf(execution), epoch };
}
