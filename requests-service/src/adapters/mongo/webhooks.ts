import { rotationMs } from "@sate/contracts";
import type { WebhookStore } from "../../webhooks/port.ts";
import { storedWebhook, webhookOf } from "../stored-webhook.ts";
import { insertFree, type MongoAccess } from "./access.ts";

export function mongoWebhooks({ webhooks, guarded }: MongoAccess, now: () => number): WebhookStore {
  async function change(_id: string, filter: object, update: object): Promise<void> {
    await webhooks.updateOne({ _id, ...filter }, update);
  }
  return {
    insert: guarded(async (webhook) => {
      await insertFree(webhooks, [{ _id: webhook.id, ...storedWebhook(webhook, now()) }]);
    }),
    list: guarded(async () => {
      const found = await webhooks.find().sort({ _id: 1 }).toArray();
      return found.map((document) => webhookOf(document._id, document));
    }),
    get: guarded(async (_id) => {
      const document = await webhooks.findOne({ _id });
      return document ? webhookOf(_id, document) : undefined;
    }),
    pause: guarded((id) => change(id, { paused_at: null }, { $set: { paused_at: now() } })),
    resume: guarded((id) =>
      change(id, {}, { $unset: { paused_at: "", disabled_at: "", disabled_reason: "" } }),
    ),
    disable: guarded((id, disabled_reason) =>
      change(id, { disabled_at: null }, { $set: { disabled_reason, disabled_at: now() } }),
    ),
    rotate: guarded((id, { from, to }) => {
      const previous = { previous_secret: from, previous_until: now() + rotationMs };
      return change(id, { secret: from }, { $set: { secret: to, ...previous } });
    }),
    remove: guarded(async (_id) => (await webhooks.deleteOne({ _id })).deletedCount > 0),
  };
}
