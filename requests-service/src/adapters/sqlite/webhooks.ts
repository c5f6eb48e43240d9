import { rotationMs } from "@sate/contracts";
import type { WebhookStore } from "../../webhooks/port.ts";
import { type StoredWebhook, storedWebhook, webhookOf } from "../stored-webhook.ts";
import { all, change, insertInto, one, type SqliteAccess } from "./access.ts";

type WebhookRow = StoredWebhook & { id: string };

const insert = insertInto("webhooks", "id, definition, secret, created_at");
const byId = "SELECT * FROM webhooks WHERE id = $id";

export function sqliteWebhooks({ read, write }: SqliteAccess, now: () => number): WebhookStore {
  const update = (set: string) => `UPDATE webhooks SET ${set} WHERE id = $id`;
  return {
    insert: write((db, webhook) => {
      change(db, insert, { id: webhook.id, ...storedWebhook(webhook, now()) });
    }),
    list: read((db) =>
      all<WebhookRow>(db, "SELECT * FROM webhooks ORDER BY id", {}).map((row) => webhookOf(row.id, row)),
    ),
    get: read((db, id) => {
      const row = one<WebhookRow>(db, byId, { id });
      return row ? webhookOf(id, row) : undefined;
    }),
    pause: write((db, id) => {
      change(db, `${update("paused_at = $now")} AND paused_at IS NULL`, { id, now: now() });
    }),
    resume: write((db, id) => {
      change(db, update("paused_at = NULL, disabled_at = NULL, disabled_reason = NULL"), { id });
    }),
    disable: write((db, id, reason) => {
      const sql = update("disabled_at = $now, disabled_reason = $reason");
      change(db, `${sql} AND disabled_at IS NULL`, { id, reason, now: now() });
    }),
    rotate: write((db, id, { from, to }) => {
      const sql = update("secret = $to, previous_secret = $from, previous_until = $until");
      change(db, `${sql} AND secret = $from`, { id, from, to, until: now() + rotationMs });
    }),
    remove: write((db, id) => change(db, "DELETE FROM webhooks WHERE id = $id", { id }) === 1),
  };
}
