import type { NewWebhook, Webhook } from "../webhooks/port.ts";

/** A webhook as both databases store it. What its creator chose is JSON text: labels are keys chosen by a client. */
export type StoredWebhook = {
  definition: string;
  secret: string;
  created_at: number;
  paused_at?: number | null;
  disabled_at?: number | null;
  disabled_reason?: string | null;
  previous_secret?: string | null;
  previous_until?: number | null;
};

export function storedWebhook(
  { id: _, secret, ...definition }: NewWebhook,
  created_at: number,
): StoredWebhook {
  return { definition: JSON.stringify(definition), secret, created_at };
}

export function webhookOf(id: string, stored: StoredWebhook): Webhook {
  const { definition, secret, created_at, paused_at, disabled_at, disabled_reason } = stored;
  const { previous_secret, previous_until } = stored;
  return {
    id,
    ...(JSON.parse(definition) as Omit<NewWebhook, "id" | "secret">),
    ...{ secret, created_at },
    ...(paused_at && { paused_at }),
    ...(disabled_at && { disabled: { reason: disabled_reason ?? "", at: disabled_at } }),
    ...(previous_secret && { previous: { secret: previous_secret, until: previous_until ?? 0 } }),
  };
}
