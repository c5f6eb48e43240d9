import { type ExecutionKey, limits, type NewRequest, type RequestsApi } from "@sate/contracts";
import { errorFields, failpoint, inParts, microBatch } from "@sate/contracts/runtime";
import type { Ports, Store } from "../ports.ts";
import { deliveryOf, isWanted } from "./event.ts";
import type { Webhook } from "./port.ts";
import type { Subscriptions } from "./subscriptions.ts";

/**
 * Creates the deliveries of webhooks: requests and executions of `sate:webhook`. Their ids follow from the execution
 * that has ended and the webhook, so creating one again has no effect.
 *
 * - The fast path: `soon`, right after an outcome was stored. Nothing waits for it, and it may be lost.
 * - The safe path: `beforeConfirmed`, before the last mark of the outcome is removed. It reads the webhooks first, so
 *   every webhook that was stored before the outcome gets its delivery.
 */
export type Deliveries = {
  /** Never rejects. Makes no call while there are no webhooks. */
  soon(executions: ExecutionKey[]): void;
  /** Rejects when the database does not respond. The executions must have ended. */
  beforeConfirmed(executions: ExecutionKey[]): Promise<void>;
  /** Resolves when everything that waits has been created, or was left to the safe path. */
  flush(): Promise<void>;
};

type Create = RequestsApi["createRequests"];

const partsOf = (requests: NewRequest[]) => inParts(requests, { itemsMax: limits.batchItemsMax });

/** The most outcomes that wait in memory. */
const waitingMax = 5_000;

export function createDeliveries(
  { store, counters, log }: Pick<Ports, "store" | "counters" | "log">,
  subscriptions: Subscriptions,
  createRequests: Create,
): Deliveries {
  const waiting = new Set<Promise<void>>();

  /** The deliveries for the executions that have ended, to each webhook that subscribes to them. */
  async function deliveriesOf(
    executions: ExecutionKey[],
    webhooks: readonly Webhook[],
  ): Promise<NewRequest[]> {
    if (webhooks.length === 0) return [];
    const stored = await store.executions.get(executions);
    return stored.flatMap(({ outcome, ...execution }) => {
      if (outcome === undefined) return [];
      const ended = { ...execution, outcome };
      return webhooks.filter((one) => isWanted(one, ended)).map((one) => deliveryOf(one, ended));
    });
  }

  async function create(requests: NewRequest[]): Promise<void> {
    if (requests.length === 0) return;
    failpoint("requests-service.delivery-due");
    const { answers } = await createRequests({ requests });
    counters.add("webhook_deliveries_created", answers.filter(({ kind }) => kind === "created").length);
    failpoint("requests-service.delivery-created");
  }

  /** The deliveries that do not exist yet. The check costs one read, and the existing ones are not counted again. */
  async function missingOf(requests: NewRequest[]): Promise<NewRequest[]> {
    const found = await store.executions.get(requests.map(({ id }) => ({ request_id: id, attempt: 1 })));
    const there = new Set(found.map(({ request_id }) => request_id));
    return requests.filter(({ id }) => !there.has(id));
  }

  const deliverNext = microBatch(
    async (batch: ExecutionKey[]) => {
      for (const part of partsOf(await deliveriesOf(batch, subscriptions.active()))) await create(part);
      return batch.map(() => undefined);
    },
    { itemsMax: limits.batchItemsMax },
  );

  return {
    soon(executions) {
      if (subscriptions.active().length === 0) return;
      for (const key of executions) {
        if (waiting.size >= waitingMax) {
          counters.add("webhook_deliveries_left_to_confirmation");
          continue;
        }
        const end = deliverNext(key)
          .catch((error) => {
            counters.add("webhook_deliveries_left_to_confirmation");
            log.info(
              "creating webhook deliveries failed; they are created when the outcomes are confirmed",
              errorFields(error),
            );
          })
          .then(() => void waiting.delete(end));
        waiting.add(end);
      }
    },
    async beforeConfirmed(executions) {
      if (executions.length === 0) return;
      const requests = await deliveriesOf(executions, await subscriptions.refresh());
      for (const part of partsOf(requests)) await create(await missingOf(part));
    },
    async flush() {
      await Promise.all(waiting);
    },
  };
}

/** The same store, which reports every outcome that it stores to `deliveries`. */
export function withDeliveries(store: Store, deliveries: Pick<Deliveries, "soon">): Store {
  const reported =
    (write: Store["runs"]["finish"]): Store["runs"]["finish"] =>
    async (ended) => {
      const ends = await write(ended);
      deliveries.soon(ended.filter((_, index) => ends[index] === "stored"));
      return ends;
    };
  return {
    ...store,
    runs: { ...store.runs, finish: reported(store.runs.finish) },
    waiting: { ...store.waiting, end: reported(store.waiting.end) },
    executions: {
      ...store.executions,
      async cancel(ref, outcome) {
        await store.executions.cancel(ref, outcome);
        // A running execution has not ended by this; then there is nothing to deliver.
        deliveries.soon([ref]);
      },
    },
  };
}
