import { describe, expect, test } from "bun:test";
import { rotationMs } from "@sate/contracts";
import type { NewWebhook, Webhook } from "../../../src/webhooks/port.ts";
import { newId } from "../../builders.ts";
import type { Given } from "./given.ts";

export function webhooksConformance(given: Given): void {
  const secretOf = (byte: number) => `whsec_${Buffer.alloc(32, byte).toString("base64")}`;
  const made = (parts: Partial<NewWebhook> = {}): NewWebhook => ({
    id: newId(),
    url: "https://example.com/",
    events: ["execution.failed"],
    secret: secretOf(1),
    uri_base: "",
    ...parts,
  });
  async function stored(parts: Partial<NewWebhook> = {}): Promise<NewWebhook> {
    const webhook = made(parts);
    await given.store.webhooks.insert(webhook);
    return webhook;
  }
  const now = async ({ id }: { id: string }) => (await given.other.webhooks.get(id)) as Webhook;

  describe("webhooks", () => {
    test("are returned as they were created, and keep what was stored first", async () => {
      const labels = { "a.b": "$set", __proto__x: "é" };
      const before = given.store.now();
      const webhook = await stored({ processors: ["a"], labels });
      const first = await now(webhook);
      expect(first).toEqual({ ...webhook, created_at: expect.any(Number) });
      expect(first.created_at).toBeGreaterThanOrEqual(before);
      await given.other.webhooks.insert({ ...webhook, url: "https://another.example/" });
      expect(await now(webhook)).toEqual(first);
      expect(await given.store.webhooks.get(newId())).toBeUndefined();
    });

    test("are listed, the oldest first", async () => {
      const ids: string[] = [];
      for (let count = 0; count < 5; count++) ids.push((await stored()).id);
      const listed = (await given.other.webhooks.list()).map(({ id }) => id);
      expect(listed).toEqual(listed.toSorted());
      expect(listed.filter((id) => ids.includes(id))).toEqual(ids);
    });

    test("keep the first instant and reason when they are paused or disabled again, and lose both when they are resumed", async () => {
      const webhook = await stored();
      const { store, other } = given;
      await store.webhooks.pause(webhook.id);
      await store.webhooks.disable(webhook.id, "gone");
      const first = await now(webhook);
      expect(first).toMatchObject({
        paused_at: expect.any(Number),
        disabled: { reason: "gone", at: expect.any(Number) },
      });
      await Promise.all([other.webhooks.pause(webhook.id), other.webhooks.disable(webhook.id, "again")]);
      expect(await now(webhook)).toEqual(first);
      await other.webhooks.resume(webhook.id);
      const { paused_at: _, disabled: __, ...rest } = first;
      expect(await now(webhook)).toEqual(rest);
    });

    test("of 20 rotations from one secret at once, one takes effect", async () => {
      const webhook = await stored();
      // Each has read the clock of the database by itself.
      const before = Math.min(given.store.now(), given.other.now());
      const next = Array.from({ length: 20 }, (_, index) => secretOf(index + 2));
      await Promise.all(
        next.map((to, index) =>
          given.either(index).webhooks.rotate(webhook.id, { from: webhook.secret, to }),
        ),
      );
      const { secret, previous } = await now(webhook);
      expect(next).toContain(secret);
      expect(previous?.secret).toBe(webhook.secret);
      expect(previous?.until).toBeGreaterThanOrEqual(before + rotationMs);
    });

    test("are removed once, and no change brings them back", async () => {
      const webhook = await stored();
      const removed = await Promise.all(
        [0, 1].map((index) => given.either(index).webhooks.remove(webhook.id)),
      );
      expect(removed.toSorted()).toEqual([false, true]);
      await given.store.webhooks.pause(webhook.id);
      await given.store.webhooks.resume(webhook.id);
      await given.store.webhooks.disable(webhook.id, "gone");
      await given.store.webhooks.rotate(webhook.id, { from: webhook.secret, to: secretOf(9) });
      expect(await given.other.webhooks.get(webhook.id)).toBeUndefined();
    });
  });
}
