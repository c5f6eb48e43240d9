import {
  type ExecutionRecord,
  executionJson,
  type JsonText,
  jsonObject,
  type NewRequest,
  type RequestRecord,
  type ResultRecord,
  toJson,
} from "@sate/contracts";
import type { Uris } from "./uris.ts";

/**
 * Renders records of the internal APIs as public JSON. Payloads and outputs are embedded as text; the fields are in
 * the original's order, followed by the added ones.
 */

const maybe = (value: string | object | undefined) => (value === undefined ? undefined : toJson(value));

/** A request. Without a creation date, as in the response to its creation, these are exactly the original's fields. */
export function requestView(request: NewRequest & Partial<RequestRecord>): JsonText {
  return jsonObject({
    id: toJson(request.id),
    payload: request.payload_json,
    processor: maybe(request.processor),
    creation_date: maybe(request.creation_date),
  });
}

/** An execution as the response to its creation: exactly the original's fields. */
export function executionView(execution: ExecutionRecord, { payload_json }: RequestRecord): JsonText {
  const { id, force_error, creation_date, request_id } = execution;
  return executionJson({ id, force_error, creation_date, request_id, payload_json });
}

/** An execution and its progress; without `request` the payload is left out. */
export function executionStateView(
  uris: Uris,
  execution: ExecutionRecord,
  request?: RequestRecord,
): JsonText {
  const { id, request_id } = execution;
  return jsonObject({
    id: toJson(id),
    force_error: toJson(execution.force_error),
    creation_date: toJson(execution.creation_date),
    processing_request: jsonObject({ id: toJson(request_id), payload: request?.payload_json }),
    status: toJson(execution.status),
    attempt: toJson(execution.attempt),
    runs: toJson(execution.epoch),
    lost: toJson(execution.lost),
    error: maybe(execution.error),
    results_uri: toJson(uris.executionResults(request_id, id)),
  });
}

export function resultView(result: ResultRecord): JsonText {
  const { execution_id, force_error, creation_date, request_id, payload_json } = result;
  return jsonObject({
    id: toJson(result.id),
    is_success: toJson(result.is_success),
    processing_start_time: toJson(result.processing_start_time),
    processing_end_time: toJson(result.processing_end_time),
    processing_total_seconds: toJson(result.processing_total_seconds),
    outputs: result.outputs_json,
    error: maybe(result.error),
    execution: executionJson({ id: execution_id, force_error, creation_date, request_id, payload_json }),
  });
}

/** A page of a list; `next` is the URI of the following page. */
export function pageResponse(name: string, entries: JsonText[], next?: string): Response {
  return jsonResponse(200, jsonObject({ [name]: `[${entries.join(",")}]`, next_uri: maybe(next) }));
}

/** A response whose JSON is already text. */
export function jsonResponse(status: number, text: JsonText, headers: Record<string, string> = {}): Response {
  return new Response(text, { status, headers: { "content-type": "application/json", ...headers } });
}
