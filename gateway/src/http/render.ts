import {
  type ExecutionRecord,
  executionJson,
  formatTimestamp,
  type JsonText,
  jsonObject,
  type NewRequest,
  type ProcessorRecord,
  type RequestRecord,
  type ResultRecord,
  type Run,
  toJson,
  type WebhookRecord,
} from "@sate/contracts";
import type { Uris } from "./uris.ts";

/**
 * Renders records of the internal APIs as public JSON. Payloads and outputs are embedded as text; the fields are in
 * the original's order, followed by the added ones.
 */

/** The texts of our own values, by name; what is `undefined` stays so. */
export function texts(values: Record<string, string | number | boolean | object | undefined>) {
  const entries = Object.entries(values);
  return Object.fromEntries(
    entries.map(([name, value]) => [name, value === undefined ? value : toJson(value)]),
  );
}

/**
 * A request. Without a creation date, as in the response to its creation, these are exactly the original's fields.
 * `execution`: its first execution, where it is part of the response.
 */
export function requestView(request: NewRequest & Partial<RequestRecord>, execution?: JsonText): JsonText {
  const { id, payload_json, processor, labels, creation_date } = request;
  return jsonObject({
    ...texts({ id }),
    payload: payload_json,
    ...texts({ processor, labels, creation_date }),
    execution,
  });
}

/** An execution as the response to its creation: exactly the original's fields. */
export function executionView(execution: ExecutionRecord, { payload_json }: RequestRecord): JsonText {
  const { id, force_error, creation_date, request_id } = execution;
  return executionJson({ id, force_error, creation_date, request_id, payload_json });
}

/** An execution and its progress, and its result if that is given; without `request` the payload is left out. */
export function executionStateView(
  uris: Uris,
  execution: ExecutionRecord,
  request?: RequestRecord,
  result?: ResultRecord,
): JsonText {
  const { id, request_id, force_error, creation_date, processor, status, attempt, epoch, lost, tries } =
    execution;
  const { labels, start_after, expires_at, deadline_at, progress, error, removed_at } = execution;
  return jsonObject({
    ...texts({ id, force_error, creation_date }),
    processing_request: jsonObject({ ...texts({ id: request_id }), payload: request?.payload_json }),
    ...texts({ processor, labels, status, attempt, runs: epoch, lost, tries }),
    ...texts({ start_after: timestamp(start_after), expires_at: timestamp(expires_at) }),
    ...texts({ deadline_at: timestamp(deadline_at), progress, error, removed_at: timestamp(removed_at) }),
    ...texts({
      results_uri: uris.executionResults(request_id, id),
      log_uri: uris.executionLog(request_id, id),
      events_uri: uris.executionEvents(request_id, id),
    }),
    result: result && resultOfExecutionView(result),
  });
}

export const timestamp = (instant: number | undefined) =>
  instant === undefined ? undefined : formatTimestamp(instant);

export function resultView(result: ResultRecord): JsonText {
  const { execution_id, force_error, creation_date, request_id, payload_json } = result;
  return jsonObject({
    ...resultTexts(result),
    execution: executionJson({ id: execution_id, force_error, creation_date, request_id, payload_json }),
  });
}

/** A result without its execution, for where that is known. */
export function resultOfExecutionView(result: ResultRecord): JsonText {
  return jsonObject(resultTexts(result));
}

function resultTexts(result: ResultRecord) {
  const { id, is_success, processing_start_time, processing_end_time, processing_total_seconds } = result;
  const { outputs_json, error, processor, processor_version, tries } = result;
  return {
    ...texts({ id, is_success, processing_start_time, processing_end_time, processing_total_seconds }),
    outputs: outputs_json,
    ...texts({ error, processor, processor_version, tries }),
  };
}

/** A claimed run, as its remote worker receives it. */
export function claimedView(run: Run): JsonText {
  const { request_id, attempt, execution_id, epoch, processor, left_ms } = run;
  const { force_error, creation_date, traceparent, payload_json } = run;
  return jsonObject({
    ...texts({ request_id, attempt, execution_id, epoch, processor, try: run.try }),
    ...texts({ timeout_seconds: left_ms / 1_000, force_error, creation_date, traceparent }),
    payload: payload_json,
  });
}

/** A processor, its input schema as it was announced, and the workers that serve it. */
export function processorView(processor: ProcessorRecord): JsonText {
  const { name, kind, version, input_json, timeout_seconds, concurrency, max_per_minute } = processor;
  const { memory_mib, retry, announced_at, workers } = processor;
  return jsonObject({
    ...texts({ name, kind, version }),
    input: input_json,
    ...texts({ timeout_seconds, concurrency, max_per_minute, memory_mib, retry }),
    // The simulation is built in: it is known before any worker has announced it.
    ...texts({ announced_at: announced_at === 0 ? undefined : timestamp(announced_at) }),
    ...texts({
      workers: workers.map(({ id, name, seen_at }) => ({ id, name, seen_at: timestamp(seen_at) })),
    }),
  });
}

/** A webhook; with its secret only in the response to its creation or rotation. */
export function webhookView(webhook: WebhookRecord, secret?: string): JsonText {
  const { id, url, events, processors, labels, created_at, paused_at, disabled } = webhook;
  return jsonObject({
    ...texts({ id, url, events, processors, labels, paused: paused_at !== undefined }),
    ...texts({ disabled: disabled && { reason: disabled.reason, since: timestamp(disabled.at) } }),
    ...texts({ creation_date: timestamp(created_at) }),
    ...texts({ previous_secret_until: timestamp(webhook.previous_secret_until), secret }),
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
