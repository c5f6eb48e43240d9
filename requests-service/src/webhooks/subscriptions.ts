import { microBatch } from "@sate/contracts/runtime";
import type { Store } from "../ports.ts";
import type { Webhook } from "./port.ts";

/**
 * The webhooks that get deliveries, kept in memory, so that outcomes cost nothing while there are none. Those that
 * another process has changed are known after the next refresh.
 */
export type Subscriptions = {
  /** As of the last refresh. */
  active(): readonly Webhook[];
  /** Reads them again. What was stored before the call is known when it resolves. */
  refresh(): Promise<readonly Webhook[]>;
};

export function createSubscriptions({ webhooks }: Pick<Store, "webhooks">): Subscriptions {
  let active: readonly Webhook[] = [];
  /** One read at a time. A call during a read gets the next one, which begins after the call. */
  const read = microBatch(async (callers: null[]) => {
    const all = await webhooks.list();
    active = all.filter(({ paused_at, disabled }) => paused_at === undefined && disabled === undefined);
    return callers.map(() => active);
  }, {});
  return { active: () => active, refresh: () => read(null) };
}
