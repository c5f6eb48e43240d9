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
  const createRequests = () =>
    batched(async (items: NewRequest[]) => (await requests.createRequests({ requests: items })).answers, {
      itemsMax: limits.batchItemsMax,
      waitMsMax,
      sizeOf: (one) => Buffer.byteLength(one.payload_json),
    });
  const [storeOnly, startOrReplay] = [createRequests(), createRequests()];
  return {
    /** What costs requests-service further writes does not hold up what costs only one. */
    createRequest: (item: NewRequest) => (item.start || item.key ? startOrReplay(item) : storeOnly(item)),
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

type Waiting<Item, Result> = {
  item: Item;
  since: number;
  resolve: (result: Result) => void;
  reject: (error: unknown) => void;
};

type Call<Item, Result> = (items: Item[]) => Promise<Result[]>;

function batched<Item, Result>(
  call: Call<Item, Result>,
  options: { itemsMax: number; waitMsMax: number; sizeOf?: (item: Item) => number },
): (item: Item) => Promise<Result> {
  const { itemsMax, waitMsMax, sizeOf = () => 0 } = options;
  const send = microBatch<Waiting<Item, Result>, undefined>(
    async (waiting) => {
      const sinceMin = performance.now() - waitMsMax;
      for (const { since, reject } of waiting) if (since < sinceMin) reject(overloaded());
      const fresh = waiting.filter(({ since }) => since >= sinceMin);
      if (fresh.length > 0) await callHalving(fresh, call);
      return [];
    },
    { itemsMax, sizeMax: limits.batchBytesMax, sizeOf: ({ item }) => sizeOf(item) },
  );
  return (item) =>
    new Promise((resolve, reject) => void send({ item, since: performance.now(), resolve, reject }));
}

/**
 * One call for all items, which settles each of them. If it fails because of an item, its halves are called, and theirs,
 * until that item is alone: one client's bad item does not fail its neighbours'. Never rejects.
 */
async function callHalving<Item, Result>(
  waiting: Waiting<Item, Result>[],
  call: Call<Item, Result>,
  isRepeat = false,
): Promise<void> {
  try {
    const results = await call(waiting.map(({ item }) => item));
    if (results.length !== waiting.length)
      throw new Error("a batch has a different number of results and items");
    for (const [index, { resolve }] of waiting.entries()) resolve(results[index] as Result);
  } catch (error) {
    // Without a response no item is to blame, and another call would most likely have none either.
    const isOfOneItem = !isUnavailable(error) || error.reason === "unexpected_response";
    if (waiting.length > 1 && isOfOneItem) {
      const middle = Math.ceil(waiting.length / 2);
      await callHalving(waiting.slice(0, middle), call, true);
      return await callHalving(waiting.slice(middle), call, true);
    }
    // The call that is repeated may have taken effect, whatever is certain of its repetition.
    const isCertain = !isRepeat || !isUnavailable(error);
    const known = isCertain ? error : new Unavailable(error.message, { cause: error.cause });
    for (const { reject } of waiting) reject(known);
  }
}
