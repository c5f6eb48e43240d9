import type { WebhookRecord } from "@sate/contracts";

/** A webhook as it is stored, with the secrets that sign its deliveries. */
export type Webhook = Omit<WebhookRecord, "previous_secret_until"> & {
  secret: string;
  /** The secret before the last rotation, and until when it signs. */
  previous?: { secret: string; until: number } | undefined;
};

/** What its creator chooses. */
export type NewWebhook = Omit<Webhook, "created_at" | "paused_at" | "disabled" | "previous">;

/** Changes of a webhook that does not exist do nothing. Instants are now by the store's clock. */
export type WebhookStore = {
  /** Stores it if its id is free. */
  insert(webhook: NewWebhook): Promise<void>;
  /** All of them, the oldest first by id. */
  list(): Promise<Webhook[]>;
  get(id: string): Promise<Webhook | undefined>;
  /** Not paused → paused. */
  pause(id: string): Promise<void>;
  /** Neither paused nor disabled any more. */
  resume(id: string): Promise<void>;
  /** Not disabled → disabled. */
  disable(id: string, reason: string): Promise<void>;
  /** With the secret `from` → with `to`, and `from` as the previous one for `rotationMs`. */
  rotate(id: string, secrets: { from: string; to: string }): Promise<void>;
  /** Returns whether it existed. */
  remove(id: string): Promise<boolean>;
};
