import { limits, type RequestsApi, rotationMs, type WebhookRecord } from "@sate/contracts";

type Body<N extends keyof RequestsApi> = Parameters<RequestsApi[N]>[0];

const now = 1_700_000_000_000;

/** The webhooks of requests-service in memory. */
export function fakeWebhooks() {
  const webhooks = new Map<string, WebhookRecord & { secret: string }>();
  const found = (id: string) => {
    const stored = webhooks.get(id);
    if (!stored) return { kind: "unknown_webhook" as const };
    const { secret: _, ...webhook } = stored;
    return { kind: "found" as const, webhook };
  };
  function changed(id: string, change: (webhook: WebhookRecord & { secret: string }) => void) {
    const stored = webhooks.get(id);
    if (stored) change(stored);
    return found(id);
  }
  return {
    createWebhook(webhook: Body<"createWebhook">) {
      if (webhooks.size >= limits.webhooksMax) return { kind: "too_many" as const };
      webhooks.set(webhook.id, { ...webhook, created_at: now });
      return found(webhook.id);
    },
    listWebhooks: () => ({ webhooks: [...webhooks.values()].map(({ secret: _, ...webhook }) => webhook) }),
    getWebhook: ({ webhook_id }: Body<"getWebhook">) => found(webhook_id),
    pauseWebhook: ({ webhook_id }: Body<"pauseWebhook">) =>
      changed(webhook_id, (webhook) => {
        webhook.paused_at = now;
      }),
    resumeWebhook: ({ webhook_id }: Body<"resumeWebhook">) =>
      changed(webhook_id, (webhook) => {
        delete webhook.paused_at;
        delete webhook.disabled;
      }),
    rotateWebhookSecret: ({ webhook_id, secret }: Body<"rotateWebhookSecret">) =>
      changed(webhook_id, (webhook) => {
        webhook.secret = secret;
        webhook.previous_secret_until = now + rotationMs;
      }),
    deleteWebhook: ({ webhook_id }: Body<"deleteWebhook">) => ({
      kind: webhooks.delete(webhook_id) ? ("deleted" as const) : ("unknown_webhook" as const),
    }),
    testWebhook: ({ webhook_id }: Body<"testWebhook">) => ({
      kind: webhooks.has(webhook_id) ? ("created" as const) : ("unknown_webhook" as const),
    }),
  };
}
