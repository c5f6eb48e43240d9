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
 * The one place where records of the internal APIs become public JSON. Payloads and outputs are put in as the text
 * that they are; the fields are in the original's order, followed by those that were added.
 */

/** A request as the response to its creation: exactly the original's fields. */
export function requestView({ id, payload_json, processor }: NewRequest): JsonText {
  return jsonObject({
    id: toJson(id),
    payload: payload_json,
    processor: processor === undefined ? undefined : toJson(processor),
  });
}

export function storedRequestView(request: RequestRecord): JsonText {
  const { id, payload_json, processor, creation_date } = request;
  return jsonObject({
    id: toJson(id),
    payload: payload_json,
    processor: processor === undefined ? undefined : toJson(processor),
    creation_date: toJson(creation_date),
  });
}

/** An execution as the response to its creation: exactly the original's fields. */
export function executionView(execution: ExecutionRecord, request: RequestRecord): JsonText {
  const { id, force_error, creation_date, request_id } = execution;
  return executionJson({ id, force_error, creation_date, request_id, payload_json: request.payload_json });
}

/** An execution and its status; without a request its payload is left out. */
export function executionStateView(
  uris: Uris,
  execution: ExecutionRecord,
  request?: RequestRecord,
): JsonText {
  const { id, request_id, force_error, creation_date, status, attempt, epoch, lost, error } = execution;
  return jsonObject({
    id: toJson(id),
    force_error: toJson(force_error),
    creation_date: toJson(creation_date),
    processing_request: jsonObject({ id: toJson(request_id), payload: request?.payload_json }),
    status: toJson(status),
    attempt: toJson(attempt),
    runs: toJson(epoch),
    lost: toJson(lost),
    error: error === undefined ? undefined : toJson(error),
    results_uri: toJson(uris.executionResults(request_id, id)),
  });
}

function resultView(result: ResultRecord): JsonText {
  const { execution_id, force_error, creation_date, request_id, payload_json } = result;
  return jsonObject({
    id: toJson(result.id),
    is_success: toJson(result.is_success),
    processing_start_time: toJson(result.processing_start_time),
    processing_end_time: toJson(result.processing_end_time),
    processing_total_seconds: toJson(result.processing_total_seconds),
    outputs: result.outputs_json,
    error: result.error === undefined ? undefined : toJson(result.error),
    execution: executionJson({ id: execution_id, force_error, creation_date, request_id, payload_json }),
  });
}

/** One page of a list; `next` is the address of the following one. */
function pageView(name: string, entries: JsonText[], next: string | undefined): JsonText {
  return jsonObject({
    [name]: `[${entries.join(",")}]`,
    next_uri: next === undefined ? undefined : toJson(next),
  });
}

export function requestPageView(requests: RequestRecord[], next: string | undefined): JsonText {
  return pageView("requests", requests.map(storedRequestView), next);
}

export function executionPageView(
  uris: Uris,
  executions: ExecutionRecord[],
  next: string | undefined,
): JsonText {
  const entries = executions.map((execution) => executionStateView(uris, execution));
  return pageView("executions", entries, next);
}

export function resultPageView(results: ResultRecord[], next?: string): JsonText {
  return pageView("results", results.map(resultView), next);
}

/** A response of JSON that is text already. */
export function jsonResponse(status: number, text: JsonText, headers: Record<string, string> = {}): Response {
  return new Response(text, { status, headers: { "content-type": "application/json", ...headers } });
}
