import { limits, type RequestsApi, Unavailable, type WebhookRecord } from "@sate/contracts";
import type { Ports } from "../ports.ts";
import { testDelivery } from "./event.ts";
import type { Webhook } from "./port.ts";
import type { Subscriptions } from "./subscriptions.ts";

/** A round is lost to another rotation at the same moment. This many in a row do not happen. */
const roundsMax = 20;

/** Creating, reading and changing webhooks, and what their deliveries need. */
export function webhookCommands(
  { store, counters, log }: Pick<Ports, "store" | "counters" | "log">,
  subscriptions: Pick<Subscriptions, "refresh">,
  createRequests: RequestsApi["createRequests"],
) {
  const { webhooks } = store;

  async function found(id: string) {
    const webhook = await webhooks.get(id);
    if (!webhook) return { kind: "unknown_webhook" } as const;
    return { kind: "found", webhook: recordOf(webhook) } as const;
  }

  /** This process knows it at once, others after their next refresh. */
  async function changed(id: string, change: Promise<unknown>) {
    await change;
    await subscriptions.refresh();
    return found(id);
  }

  return {
    async createWebhook({ id, url, events, processors, labels, secret, uri_base }) {
      const others = (await webhooks.list()).filter((webhook) => webhook.id !== id);
      if (others.length >= limits.webhooksMax) return { kind: "too_many" };
      // Field by field: bodies are open, and unknown fields are not stored.
      const insertion = webhooks.insert({
        ...{ id, url, events, secret, uri_base },
        ...(processors && { processors }),
        ...(labels && { labels }),
      });
      const created = await changed(id, insertion);
      if (created.kind !== "found") throw new Unavailable("The webhook was deleted while it was created.");
      return created;
    },

    async listWebhooks() {
      return { webhooks: (await webhooks.list()).map(recordOf) };
    },

    getWebhook: ({ webhook_id }) => found(webhook_id),
    pauseWebhook: ({ webhook_id }) => changed(webhook_id, webhooks.pause(webhook_id)),
    resumeWebhook: ({ webhook_id }) => changed(webhook_id, webhooks.resume(webhook_id)),

    async rotateWebhookSecret({ webhook_id, secret }) {
      for (let round = 0; round < roundsMax; round++) {
        const webhook = await webhooks.get(webhook_id);
        if (!webhook) return { kind: "unknown_webhook" };
        if (webhook.secret === secret) return { kind: "found", webhook: recordOf(webhook) };
        await webhooks.rotate(webhook_id, { from: webhook.secret, to: secret });
      }
      throw new Unavailable("Other calls rotated the secret of the webhook too often at the same time.");
    },

    async deleteWebhook({ webhook_id }) {
      const isDeleted = await webhooks.remove(webhook_id);
      await subscriptions.refresh();
      return { kind: isDeleted ? "deleted" : "unknown_webhook" };
    },

    async testWebhook({ webhook_id, ...ids }) {
      if (!(await webhooks.get(webhook_id))) return { kind: "unknown_webhook" };
      await createRequests({ requests: [testDelivery(webhook_id, ids, store.now())] });
      return { kind: "created" };
    },

    async deliveryTarget({ webhook_id }) {
      const webhook = await webhooks.get(webhook_id);
      if (!webhook) return { kind: "deleted" };
      if (webhook.disabled) return { kind: "disabled" };
      if (webhook.paused_at !== undefined) return { kind: "paused" };
      const { url, secret, previous } = webhook;
      const isValid = previous !== undefined && store.now() < previous.until;
      return { kind: "found", url, secrets: isValid ? [secret, previous.secret] : [secret] };
    },

    async disableWebhook({ webhook_id, reason }) {
      await webhooks.disable(webhook_id, reason);
      await subscriptions.refresh();
      counters.add("webhooks_disabled");
      log.warn("a webhook was disabled", { webhook_id, why: reason });
      return {};
    },
  } satisfies Partial<RequestsApi>;
}

function recordOf({ secret: _, previous, ...webhook }: Webhook): WebhookRecord {
  return { ...webhook, ...(previous && { previous_secret_until: previous.until }) };
}
