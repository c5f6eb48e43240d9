import { type Static, Type } from "@sinclair/typebox";
import { Uuid } from "../../values/ids.ts";
import { Labels } from "../../values/labels.ts";
import { limits } from "../../values/limits.ts";
import { open } from "../../values/object.ts";
import { WebhookEvent, WebhookSecret, WebhookUrl } from "../../values/webhook.ts";
import { Instant, tagged } from "./schema.ts";

const wanted = {
  id: Uuid,
  url: WebhookUrl,
  events: Type.Array(WebhookEvent, { maxItems: 4 }),
  /** Only executions of these processors; absent: of all. */
  processors: Type.Optional(Type.Array(Type.String(), { maxItems: limits.webhookProcessorsMax })),
  /** Only executions with all of these labels. */
  labels: Type.Optional(Labels),
  /** What the URIs in its deliveries begin with: empty, or scheme, host and prefix. */
  uri_base: Type.String(),
};

/** A webhook without its secrets. */
export const WebhookRecord = Type.Object(
  {
    ...wanted,
    created_at: Instant,
    /** Nothing is delivered until it is resumed. */
    paused_at: Type.Optional(Instant),
    /** Sate itself has stopped its deliveries, for this reason. */
    disabled: Type.Optional(Type.Object({ reason: Type.String(), at: Instant }, open)),
    /** The secret before the last rotation signs until then. */
    previous_secret_until: Type.Optional(Instant),
  },
  open,
);
export type WebhookRecord = Static<typeof WebhookRecord>;

const body = Type.Object({ webhook_id: Uuid }, open);
const Found = Type.Object({ kind: Type.Literal("found"), webhook: WebhookRecord }, open);
const response = Type.Union([Found, tagged("unknown_webhook")]);

/** Subscriptions to the ends of executions. */
export const webhookOperations = {
  /** The caller chooses the secret. `too_many`: `limits.webhooksMax` exist. */
  createWebhook: {
    path: "/internal/webhooks/create",
    body: Type.Object({ ...wanted, secret: WebhookSecret }, open),
    response: Type.Union([Found, tagged("too_many")]),
  },
  /** The oldest first. */
  listWebhooks: {
    path: "/internal/webhooks/list",
    body: Type.Object({}, open),
    response: Type.Object({ webhooks: Type.Array(WebhookRecord) }, open),
  },
  getWebhook: { path: "/internal/webhooks/get", body, response },
  pauseWebhook: { path: "/internal/webhooks/pause", body, response },
  /** Also enables one that Sate has disabled. */
  resumeWebhook: { path: "/internal/webhooks/resume", body, response },
  /** The present secret signs beside the new one for `rotationMs`; one that was replaced before no longer does. */
  rotateWebhookSecret: {
    path: "/internal/webhooks/rotate",
    body: Type.Object({ webhook_id: Uuid, secret: WebhookSecret }, open),
    response,
  },
  /** A retry after a deletion finds no webhook. */
  deleteWebhook: {
    path: "/internal/webhooks/delete",
    body,
    response: Type.Union([tagged("deleted"), tagged("unknown_webhook")]),
  },
  /** Creates a delivery of the type `webhook.test`, under these ids of its request and execution. */
  testWebhook: {
    path: "/internal/webhooks/test",
    body: Type.Object({ webhook_id: Uuid, request_id: Uuid, execution_id: Uuid }, open),
    response: Type.Union([tagged("created"), tagged("unknown_webhook")]),
  },
} as const;

/** What workers need to deliver. */
export const deliveryOperations = {
  /** Where a delivery goes, and the secrets that sign it: the present one first. */
  deliveryTarget: {
    path: "/internal/webhooks/target",
    body,
    response: Type.Union([
      Type.Object(
        {
          kind: Type.Literal("found"),
          url: Type.String(),
          secrets: Type.Array(Type.String(), { minItems: 1 }),
        },
        open,
      ),
      tagged("paused"),
      tagged("disabled"),
      tagged("deleted"),
    ]),
  },
  /** The receiver asked for no more deliveries. Does nothing to one that is disabled or deleted already. */
  disableWebhook: {
    path: "/internal/webhooks/disable",
    body: Type.Object({ webhook_id: Uuid, reason: Type.String({ maxLength: limits.lineCharsMax }) }, open),
    response: Type.Object({}, open),
  },
} as const;
