import type { Client } from "../../clients/client.ts";
import { isWithin } from "../../until.ts";
import type { Evidence } from "../evidence/evidence.ts";
import type { Receiver } from "./receiver.ts";

/** Executions of requests with these labels are delivered to the webhook. */
export const hooked = { hooked: "yes" };

const payload = '{"schedule":"torture"}';
const deleteMs = 60_000;

export type Subscriptions = Awaited<ReturnType<typeof subscribe>>;

/** Creates a webhook, and a schedule that fires every minute. The system must be ready. */
export async function subscribe({ ask }: Client, receiver: Receiver) {
  async function created(path: string, body: string): Promise<{ id: string; secret: string }> {
    const { status, text, json } = await ask("POST", path, body);
    if (status !== 201) throw new Error(`POST ${path} returned ${status}: ${text}`);
    return json as unknown as { id: string; secret: string };
  }
  const events = ["succeeded", "failed", "dead_lettered", "cancelled"].map((end) => `execution.${end}`);
  const { secret } = await created(
    "/webhooks",
    JSON.stringify({ url: receiver.url, events, labels: hooked }),
  );
  receiver.expect(secret);
  const request = `{"payload":${payload},"processor":"trial-fast"}`;
  const { id } = await created("/schedules", `{"cron":"* * * * *","request":${request}}`);
  const schedule: Evidence["schedule"] = { payload, fromMs: Date.now(), toMs: Number.POSITIVE_INFINITY };

  return {
    webhook: receiver.webhook,
    schedule,
    secret,
    /** Until the schedule is deleted nothing comes to rest. Throws if that is not possible. */
    async unschedule(): Promise<void> {
      schedule.toMs = Date.now();
      const isDeleted = await isWithin(deleteMs, async () =>
        [204, 404].includes((await ask("DELETE", `/schedules/${id}`)).status),
      );
      if (!isDeleted) throw new Error("the schedule could not be deleted");
    },
  };
}
