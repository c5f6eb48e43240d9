import { Type } from "@sinclair/typebox";
import { TypeCompiler } from "@sinclair/typebox/compiler";
import type { ResultRecord } from "../internal/results-api.ts";
import { ExecutionError, type Outcome } from "../values/execution.ts";
import { Uuid } from "../values/ids.ts";
import { jsonAt, jsonObject, toJson } from "../values/json.ts";
import { open } from "../values/object.ts";
import { Timestamp } from "../values/time.ts";
import type { DeadLetterReason } from "./dead-letter.ts";
import { ExecutionMessage, executionJson, type PublishedExecution } from "./execution.ts";
import { baseHeaders, headerNames, oneLine } from "./headers.ts";
import { readMessage } from "./read-message.ts";
import type { IncomingRecord, OutgoingRecord, Reading } from "./record.ts";
import { topics } from "./topics.ts";

/** The record of an outcome: JSON in the original's form, with `error` and `execution.attempt` added. */
export const OutcomeMessage = Type.Object(
  {
    id: Uuid,
    is_success: Type.Boolean(),
    processing_start_time: Timestamp,
    processing_end_time: Timestamp,
    processing_total_seconds: Type.Number({ minimum: 0 }),
    outputs: Type.Unknown(),
    error: Type.Optional(ExecutionError),
    tries: Type.Optional(Type.Integer({ minimum: 1 })),
    processor: Type.Optional(Type.String()),
    processor_version: Type.Optional(Type.String()),
    execution: ExecutionMessage,
  },
  open,
);

const check = TypeCompiler.Compile(OutcomeMessage);

/** The outcome of an execution, for the topic of its status. `failed_executions` also receives cancelled ones. */
export function outcomeRecord(
  run: Omit<PublishedExecution, "id"> & { execution_id: string },
  outcome: Outcome,
): OutgoingRecord {
  const isSuccess = outcome.status === "succeeded";
  const value = jsonObject({
    id: toJson(outcome.result_id),
    is_success: toJson(isSuccess),
    processing_start_time: toJson(outcome.processing_start_time),
    processing_end_time: toJson(outcome.processing_end_time),
    processing_total_seconds: toJson(outcome.processing_total_seconds),
    outputs: outcome.status === "succeeded" ? outcome.outputs_json : "{}",
    error: outcome.status === "succeeded" ? undefined : toJson(outcome.error),
    tries: toJson(outcome.tries),
    processor: toJson(run.processor),
    processor_version: toJson(outcome.processor_version),
    execution: executionJson({ ...run, id: run.execution_id }),
  });
  const headers = baseHeaders(run.traceparent);
  if (outcome.status !== "dead_lettered") {
    return { topic: isSuccess ? topics.successful : topics.failed, key: run.request_id, value, headers };
  }
  const isLost = outcome.error.code === "lost";
  headers[headerNames.reason] = (isLost ? "lost" : "unexpected_error") satisfies DeadLetterReason;
  headers[headerNames.deadLetterId] = outcome.result_id;
  headers[headerNames.detail] = oneLine(outcome.error.message);
  return { topic: topics.deadLetters, key: run.request_id, value, headers };
}

/** An outcome record as the result that the Results DB stores. */
export function readOutcome(record: IncomingRecord): Reading<ResultRecord> {
  const read = readMessage(record, check);
  if (read.kind === "unreadable") return read;
  const { message, text } = read;
  const { execution } = message;
  const { outputs, payload } = jsonAt(text, {
    outputs: ["outputs"],
    payload: ["execution", "processing_request", "payload"],
  });
  return {
    kind: "read",
    record: {
      id: message.id,
      request_id: execution.processing_request.id,
      attempt: execution.attempt,
      execution_id: execution.id,
      is_success: message.is_success,
      processing_start_time: message.processing_start_time,
      processing_end_time: message.processing_end_time,
      processing_total_seconds: message.processing_total_seconds,
      outputs_json: outputs as string,
      ...(message.error && { error: message.error }),
      force_error: execution.force_error,
      creation_date: execution.creation_date,
      payload_json: payload as string,
      ...(message.processor !== undefined && { processor: message.processor }),
      ...(message.processor_version !== undefined && { processor_version: message.processor_version }),
      ...(message.tries !== undefined && { tries: message.tries }),
    },
  };
}
