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

/** One character of Base64; the last one before `==` and before `=`, in which bits that are not used are zero. */
const char = { any: "[A-Za-z0-9+/]", before2: "[AQgw]", before1: "[AEIMQUYcgkosw048]" };

/**
 * 24 to 64 bytes in Base64 after `whsec_`, as in Standard Webhooks. Only the canonical form, because receivers may decode
 * strictly: whole groups of four characters, then one with `==`, or one with `=`, or none.
 */
export const WebhookSecret = Type.String({
  pattern: `^whsec_(?:${char.any}{4}){8,20}(?:(?:${char.any}{4})?(?:${char.any}${char.before2}==)?|${char.any}{2}${char.before1}=)$`,
  maxLength: 100,
  description: "The signing secret: whsec_ followed by 24 to 64 bytes in Base64.",
});

/** How long the previous secret signs beside the new one after a rotation. */
export const rotationMs = 24 * 3_600_000;
