import { type Static, Type } from "@sinclair/typebox";
import { limits } from "./limits.ts";

/** What a webhook may be called for: the ends of executions. */
export const WebhookEvent = Type.Union(
  [
    Type.Literal("execution.succeeded"),
    Type.Literal("execution.failed"),
    Type.Literal("execution.dead_lettered"),
    Type.Literal("execution.cancelled"),
  ],
  { description: "An event: an execution has ended with this status." },
);
export type WebhookEvent = Static<typeof WebhookEvent>;

export const WebhookUrl = Type.String({
  pattern: "^https?://",
  maxLength: limits.webhookUrlCharsMax,
  description:
    "The address that is called, without a user name or password. It must begin with https:// unless the operator allows the receiver.",
});

/** 24 to 64 bytes in Base64 after `whsec_`, as in Standard Webhooks; `isWebhookSecret` checks the bytes. */
export const WebhookSecret = Type.String({
  pattern: "^whsec_[A-Za-z0-9+/]{31,86}={0,2}$",
  maxLength: 100,
  description: "The signing secret: whsec_ followed by 24 to 64 bytes in Base64.",
});

const secretBytes = { min: 24, max: 64 };

/** Whether a secret is the canonical Base64 of 24 to 64 bytes: receivers may decode strictly. */
export function isWebhookSecret(secret: string): boolean {
  const base64 = secret.slice("whsec_".length);
  const bytes = Buffer.from(base64, "base64");
  const isCanonical = bytes.toString("base64") === base64;
  return isCanonical && bytes.length >= secretBytes.min && bytes.length <= secretBytes.max;
}

/** How long the previous secret signs beside the new one after a rotation. */
export const rotationMs = 24 * 3_600_000;
