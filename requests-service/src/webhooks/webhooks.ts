import type { RequestsApi } from "@sate/contracts";
import type { Ports, Store } from "../ports.ts";
import { webhookCommands } from "./commands.ts";
import { createDeliveries, type Deliveries, withDeliveries } from "./deliveries.ts";
import { createSubscriptions, type Subscriptions } from "./subscriptions.ts";

/** The webhooks of one process: its cached list of them, and the deliveries that it creates. */
export type Webhooks = Pick<Deliveries, "beforeConfirmed" | "flush"> &
  Pick<Subscriptions, "refresh"> & {
    commands: ReturnType<typeof webhookCommands>;
    /** The same store, which reports every outcome that it stores to the webhooks. */
    store: Store;
  };

export function createWebhooks(ports: Ports, createRequests: RequestsApi["createRequests"]): Webhooks {
  const subscriptions = createSubscriptions(ports.store);
  const { soon, beforeConfirmed, flush } = createDeliveries(ports, subscriptions, createRequests);
  return {
    ...{ beforeConfirmed, flush, refresh: subscriptions.refresh },
    commands: webhookCommands(ports, subscriptions, createRequests),
    store: withDeliveries(ports.store, { soon }),
  };
}
