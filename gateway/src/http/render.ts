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

/** The texts of our own values, by name; what is `undefined` stays so. */
function texts(values: Record<string, string | number | boolean | object | undefined>) {
  const entries = Object.entries(values);
  return Object.fromEntries(
    entries.map(([name, value]) => [name, value === undefined ? value : toJson(value)]),
  );
}

/** A request. Without a creation date, as in the response to its creation, these are exactly the original's fields. */
export function requestView(request: NewRequest & Partial<RequestRecord>): JsonText {
  const { id, payload_json, processor, creation_date } = request;
  return jsonObject({ ...texts({ id }), payload: payload_json, ...texts({ processor, creation_date }) });
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
  const { id, request_id, force_error, creation_date, status, attempt, epoch, lost, error } = execution;
  const results_uri = uris.executionResults(request_id, id);
  return jsonObject({
    ...texts({ id, force_error, creation_date }),
    processing_request: jsonObject({ ...texts({ id: request_id }), payload: request?.payload_json }),
    ...texts({ status, attempt, runs: epoch, lost, error, results_uri }),
  });
}

export function resultView(result: ResultRecord): JsonText {
  const { id, is_success, processing_start_time, processing_end_time, processing_total_seconds } = result;
  const { execution_id, force_error, creation_date, request_id, payload_json, outputs_json, error } = result;
  return jsonObject({
    ...texts({ id, is_success, processing_start_time, processing_end_time, processing_total_seconds }),
    outputs: outputs_json,
    ...texts({ error }),
    execution: executionJson({ id: execution_id, force_error, creation_date, request_id, payload_json }),
  });
}

/** A page of a list; `next` is the URI of the following page. */
export function pageResponse(name: string, entries: JsonText[], next?: string): Response {
  return jsonResponse(200, jsonObject({ [name]: `[${entries.join(",")}]`, ...texts({ next_uri: next }) }));
}

/** A response whose JSON is already text. */
export function jsonResponse(status: number, text: JsonText, headers: Record<string, string> = {}): Response {
  return new Response(text, { status, headers: { "content-type": "application/json", ...headers } });
}
