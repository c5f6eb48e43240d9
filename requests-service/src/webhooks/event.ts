import {
  derivedId,
  isOwnProcessor,
  labelTexts,
  type NewRequest,
  type Outcome,
  toJson,
  type WebhookEvent,
  type WebhookMessage,
  webhookProcessor,
} from "@sate/contracts";
import type { Execution } from "../executions/execution.ts";
import type { Webhook } from "./port.ts";

/** An execution that has ended, as far as webhooks need it. */
export type Ended = Pick<Execution, "id" | "request_id" | "attempt" | "processor" | "labels"> & {
  outcome: Outcome;
};

/** Whether the webhook subscribes to the end of this execution. Pure. */
export function isWanted(
  { events, processors, labels }: Pick<Webhook, "events" | "processors" | "labels">,
  execution: Ended,
): boolean {
  const { processor, outcome } = execution;
  // Deliveries are executions, too: each would cause another one.
  if (isOwnProcessor(processor) || !events.includes(eventOf(outcome))) return false;
  const has = new Set(labelTexts(execution.labels));
  return (processors?.includes(processor) ?? true) && labelTexts(labels).every((label) => has.has(label));
}

/**
 * The request that delivers the end of an execution to a webhook, and its execution. Pure: the same stored
 * execution always gives the same request, with the same ids.
 */
export function deliveryOf(webhook: Pick<Webhook, "id" | "uri_base">, execution: Ended): NewRequest {
  const { id: execution_id, request_id, attempt, processor, labels, outcome } = execution;
  const endedAt = `${outcome.processing_end_time.replace(" ", "T")}Z`;
  const request_uri = `${webhook.uri_base}/requests/${request_id}`;
  const execution_uri = `${request_uri}/executions/${execution_id}`;
  const message: WebhookMessage = {
    type: eventOf(outcome),
    timestamp: endedAt,
    data: {
      ...{ webhook_id: webhook.id, request_id, execution_id, attempt, processor, status: outcome.status },
      ...(outcome.status !== "succeeded" && { error_code: outcome.error.code }),
      ...(labels && { labels }),
      ...{ request_uri, execution_uri, results_uri: `${execution_uri}/results` },
    },
  };
  const id = (what: string) => derivedId(Date.parse(endedAt), what, execution_id, webhook.id);
  return deliveryRequest(webhook.id, message, { request_id: id("request"), execution_id: id("execution") });
}

/** A delivery that the operator asks for. `now`: by the clock of the store. */
export function testDelivery(
  webhook_id: string,
  ids: { request_id: string; execution_id: string },
  now: number,
): NewRequest {
  const timestamp = new Date(now).toISOString();
  return deliveryRequest(webhook_id, { type: "webhook.test", timestamp, data: { webhook_id } }, ids);
}

/** The message is delivered byte for byte, so that every try signs the same body. It contains no secret. */
function deliveryRequest(
  webhook_id: string,
  message: WebhookMessage,
  ids: { request_id: string; execution_id: string },
): NewRequest {
  return {
    id: ids.request_id,
    processor: webhookProcessor,
    payload_json: toJson({ webhook_id, message }),
    start: { execution_id: ids.execution_id, max_failures: 1 },
  };
}

function eventOf({ status }: Outcome): WebhookEvent {
  return `execution.${status}`;
}
