import {
  isUnavailable,
  limits,
  type NewExecution,
  type NewRequest,
  type RefusedExecution,
  Unavailable,
} from "@sate/contracts";
import { microBatch } from "@sate/contracts/runtime";
import { overloaded } from "../http/problem-response.ts";
import type { Requests } from "../ports.ts";

/** An item that has waited longer for its batch is not sent: its client has little time left. */
const waitMsMaxDefault = 3_000;
/** requests-service reads the payload of each item's request: the most bytes of them for one batch. */
const payloadBytesMax = 16 * 1024 * 1024;

/**
 * The storing operations of requests-service for one item, micro-batched: at most one call of each operation is in
 * flight, and it carries what has arrived meanwhile. The ingress limits how many items wait.
 */
export function createBatches(requests: Requests, options: { bodyBytesMax: number; waitMsMax?: number }) {
  const { bodyBytesMax, waitMsMax = waitMsMaxDefault } = options;
  const itemsMax = Math.min(limits.batchItemsMax, Math.ceil(payloadBytesMax / bodyBytesMax));
  return {
    createRequest: batched(
      async (items: NewRequest[]) => (await requests.createRequests({ requests: items })).answers,
      {
        itemsMax: limits.batchItemsMax,
        waitMsMax,
        sizeOf: ({ payload_json }) => Buffer.byteLength(payload_json),
      },
    ),
    createExecution: batched(
      async (items: NewExecution[]) => (await requests.createExecutions({ executions: items })).answers,
      { itemsMax, waitMsMax },
    ),
    recordRefusal: batched(
      async (items: RefusedExecution[]) => (await requests.recordRefusals({ refusals: items })).answers,
      { itemsMax, waitMsMax },
    ),
  };
}

export type Batches = ReturnType<typeof createBatches>;

/** The result of one item: returns it, or throws its error. */
type Settled<Result> = () => Result;

function fails(error: unknown): Settled<never> {
  return () => {
    throw error;
  };
}

function batched<Item, Result>(
  call: (items: Item[]) => Promise<Result[]>,
  options: { itemsMax: number; waitMsMax: number; sizeOf?: (item: Item) => number },
): (item: Item) => Promise<Result> {
  const { itemsMax, waitMsMax, sizeOf = () => 0 } = options;
  const send = microBatch<{ item: Item; since: number }, Settled<Result>>(
    async (waiting) => {
      const sinceMin = performance.now() - waitMsMax;
      const fresh = waiting.filter(({ since }) => since >= sinceMin).map(({ item }) => item);
      const settled = fresh.length === 0 ? [] : await callHalving(fresh, call);
      return waiting.map(({ since }) =>
        since >= sinceMin ? (settled.shift() as Settled<Result>) : fails(overloaded()),
      );
    },
    { itemsMax, sizeMax: limits.batchBytesMax, sizeOf: ({ item }) => sizeOf(item) },
  );
  return async (item) => (await send({ item, since: performance.now() }))();
}

/**
 * One call for all items. If it fails because of an item, its halves are called, and theirs, until that item is alone:
 * one client's bad item does not fail its neighbours'.
 */
async function callHalving<Item, Result>(
  items: Item[],
  call: (items: Item[]) => Promise<Result[]>,
  isRepeat = false,
): Promise<Settled<Result>[]> {
  try {
    const results = await call(items);
    if (results.length !== items.length)
      throw new Error("a batch has a different number of results and items");
    return results.map((result) => () => result);
  } catch (error) {
    // Without a response no item is to blame, and another call would most likely have none either.
    const isOfOneItem = !isUnavailable(error) || error.reason === "unexpected_response";
    // The call that is repeated may have taken effect, whatever is certain of its repetition.
    const isCertain = !isRepeat || !isUnavailable(error);
    const known = isCertain ? error : new Unavailable(error.message, { cause: error.cause });
    if (items.length === 1 || !isOfOneItem) return items.map(() => fails(known));
    const middle = Math.ceil(items.length / 2);
    const first = await callHalving(items.slice(0, middle), call, true);
    return [...first, ...(await callHalving(items.slice(middle), call, true))];
  }
}
