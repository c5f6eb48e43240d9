import { type Static, Type } from "@sinclair/typebox";
import { Uuid } from "../values/ids.ts";
import { Labels } from "../values/labels.ts";
import { limits } from "../values/limits.ts";
import { closed, open } from "../values/object.ts";
import { ProcessorName } from "../values/processor.ts";
import { Timestamp } from "../values/time.ts";
import { WebhookEvent, WebhookSecret, WebhookUrl } from "../values/webhook.ts";
import { returnedLabels } from "./requests.ts";

/** The bodies of webhooks in the public REST API. */

const filters = {
  processors: Type.Optional(
    Type.Array(ProcessorName, {
      minItems: 1,
      maxItems: limits.webhookProcessorsMax,
      uniqueItems: true,
      description: "Only executions of these processors. Absent: of all processors.",
    }),
  ),
  labels: Type.Optional({
    ...Labels,
    minProperties: 1,
    description: "Only executions of requests that have all of these labels.",
  }),
};

const events = Type.Array(WebhookEvent, {
  minItems: 1,
  maxItems: 4,
  uniqueItems: true,
  description: "The events that are delivered.",
});

export const CreateWebhook = Type.Object(
  {
    url: WebhookUrl,
    events,
    ...filters,
    secret: Type.Optional({
      ...WebhookSecret,
      description: `${WebhookSecret.description} Generated if absent.`,
    }),
  },
  { ...closed, description: "A subscription to the ends of executions." },
);
export type CreateWebhook = Static<typeof CreateWebhook>;

export const RotateSecret = Type.Object(
  {
    secret: Type.Optional({ ...WebhookSecret, description: "The new secret. Generated if absent." }),
  },
  { ...closed, description: "A new signing secret. The body is optional." },
);
export type RotateSecret = Static<typeof RotateSecret>;

const instant = (description: string) =>
  Type.Optional(Type.String({ ...Timestamp, description: `${description} A time in UTC.` }));

export const Webhook = Type.Object(
  {
    id: Uuid,
    url: Type.String({ description: "The address that is called." }),
    events,
    ...filters,
    paused: Type.Boolean({ description: "Whether a client has paused its deliveries." }),
    disabled: Type.Optional(
      Type.Object(
        {
          reason: Type.String({ description: "Why, as text for a person." }),
          since: Timestamp,
        },
        { ...open, description: "Sate has stopped its deliveries. Resume the webhook to enable it again." },
      ),
    ),
    creation_date: Timestamp,
    previous_secret_until: instant(
      "Until then, deliveries are also signed with the secret before the last rotation.",
    ),
  },
  open,
);

/** The responses that contain the secret: those to the creation and the rotation. */
export const WebhookWithSecret = Type.Object(
  {
    ...Webhook.properties,
    secret: { ...WebhookSecret, description: "The signing secret. No other response contains it." },
  },
  open,
);

export const WebhookList = Type.Object(
  { webhooks: Type.Array(Webhook, { maxItems: limits.webhooksMax, description: "The oldest first." }) },
  open,
);

export const WebhookTest = Type.Object(
  {
    webhook_message_id: Type.String({ description: "The webhook-id header of the delivery." }),
    execution_uri: Type.String({ description: "The URI of the execution that delivers it." }),
  },
  open,
);

/** The body of a call to a receiver. */
export const WebhookMessage = Type.Object(
  {
    type: Type.String({ description: "The event, or webhook.test." }),
    timestamp: Type.String({ description: "When the execution ended: an RFC 3339 instant." }),
    data: Type.Object(
      {
        webhook_id: Uuid,
        request_id: Type.Optional(Uuid),
        execution_id: Type.Optional(Uuid),
        attempt: Type.Optional(Type.Integer({ minimum: 1 })),
        processor: Type.Optional(Type.String()),
        status: Type.Optional(Type.String()),
        error_code: Type.Optional(Type.String()),
        labels: returnedLabels,
        request_uri: Type.Optional(Type.String()),
        execution_uri: Type.Optional(Type.String()),
        results_uri: Type.Optional(Type.String()),
      },
      open,
    ),
  },
  { ...open, description: "What a webhook sends. It never contains the payload or the outputs." },
);
export type WebhookMessage = Static<typeof WebhookMessage>;
