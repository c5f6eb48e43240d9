import { type Static, Type } from "@sinclair/typebox";
import { TypeCompiler } from "@sinclair/typebox/compiler";
import type { ExecutionRef } from "../internal/requests-api.ts";
import { Uuid } from "../values/ids.ts";
import { jsonObject, toJson } from "../values/json.ts";
import { limits } from "../values/limits.ts";
import { open } from "../values/object.ts";
import { Timestamp } from "../values/time.ts";
import { baseHeaders, headerNames, headerOf } from "./headers.ts";
import { readMessage } from "./read-message.ts";
import type { IncomingRecord, OutgoingRecord, Reading } from "./record.ts";
import { topics } from "./topics.ts";

/** The record of a queued execution: JSON in the original's form, with `attempt` added. */
export const ExecutionMessage = Type.Object(
  {
    id: Uuid,
    attempt: Type.Integer({ minimum: 1, maximum: limits.attemptMax }),
    force_error: Type.Boolean(),
    creation_date: Timestamp,
    processing_request: Type.Object({ id: Uuid, payload: Type.Unknown() }, open),
  },
  open,
);
export type ExecutionMessage = Static<typeof ExecutionMessage>;

const check = TypeCompiler.Compile(ExecutionMessage);

export type PublishedExecution = {
  id: string;
  attempt: number;
  force_error: boolean;
  creation_date: string;
  request_id: string;
  payload_json: string;
  traceparent?: string | undefined;
  processor?: string | undefined;
};

/** The public and the published form of an execution. `attempt` is omitted where it is not given. */
export function executionJson(execution: Omit<PublishedExecution, "attempt"> & { attempt?: number }): string {
  return jsonObject({
    id: toJson(execution.id),
    attempt: execution.attempt === undefined ? undefined : toJson(execution.attempt),
    force_error: toJson(execution.force_error),
    creation_date: toJson(execution.creation_date),
    processing_request: jsonObject({ id: toJson(execution.request_id), payload: execution.payload_json }),
  });
}

/** The wake-up for a queued execution. */
export function executionRecord(execution: PublishedExecution): OutgoingRecord {
  return {
    topic: topics.executions,
    key: execution.request_id,
    value: executionJson(execution),
    headers: {
      ...baseHeaders(execution.traceparent),
      ...(execution.processor !== undefined && { [headerNames.processor]: execution.processor }),
    },
  };
}

/** An execution that a record names, and its processor; without one, the record was written by version 0.1.0. */
export type WakeUp = ExecutionRef & { processor?: string };

/** Which execution a record on the executions topic refers to. Everything else comes from the database. */
export function readExecution(record: IncomingRecord): Reading<WakeUp> {
  const read = readMessage(record, check);
  if (read.kind === "unreadable") return read;
  const { id, attempt, processing_request } = read.message;
  const processor = headerOf(record, headerNames.processor);
  return {
    kind: "read",
    record: {
      request_id: processing_request.id,
      attempt,
      execution_id: id,
      ...(processor !== undefined && { processor }),
    },
  };
}
