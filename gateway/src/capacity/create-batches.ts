import {
  isUnavailable,
  limits,
  type NewExecution,
  type NewRequest,
  type RefusedExecution,
} from "@sate/contracts";
import { overloaded } from "../http/problem-response.ts";
import type { Requests } from "../ports.ts";
import { microBatch } from "../runtime/micro-batch.ts";

/** An item that waited longer for its batch is not sent: its client has little time left. */
const waitMsMaxDefault = 3_000;
/** For every execution, and every refusal, its request's payload is read: so many bytes of them for one batch. */
const payloadBytesMax = 16 * 1024 * 1024;

type Sent<Answer> = { kind: "answered"; answer: Answer } | { kind: "failed"; error: unknown };

/**
 * The storing operations of requests-service, one item at a time for callers and in batches on the way:
 * one call of each is under way at a time, filled with what has come meanwhile. The ingress bounds how many wait.
 */
export function createBatches(requests: Requests, options: { bodyBytesMax: number; waitMsMax?: number }) {
  const { bodyBytesMax, waitMsMax = waitMsMaxDefault } = options;
  const itemsMax = Math.min(limits.batchItemsMax, Math.ceil(payloadBytesMax / bodyBytesMax));
  return {
    createRequest: batched<NewRequest, CreatedRequest>(
      async (items) => (await requests.createRequests({ requests: items })).answers,
      {
        itemsMax: limits.batchItemsMax,
        waitMsMax,
        sizeOf: ({ payload_json }) => Buffer.byteLength(payload_json),
      },
    ),
    createExecution: batched<NewExecution, CreatedExecution>(
      async (items) => (await requests.createExecutions({ executions: items })).answers,
      { itemsMax, waitMsMax, sizeOf: () => 0 },
    ),
    recordRefusal: batched<RefusedExecution, RecordedRefusal>(
      async (items) => (await requests.recordRefusals({ refusals: items })).answers,
      { itemsMax, waitMsMax, sizeOf: () => 0 },
    ),
  };
}

export type Batches = ReturnType<typeof createBatches>;

type CreatedRequest = Awaited<ReturnType<Requests["createRequests"]>>["answers"][number];
type RecordedRefusal = Awaited<ReturnType<Requests["recordRefusals"]>>["answers"][number];
type CreatedExecution = Awaited<ReturnType<Requests["createExecutions"]>>["answers"][number];

function batched<Item, Answer>(
  call: (items: Item[]) => Promise<Answer[]>,
  bounds: { itemsMax: number; waitMsMax: number; sizeOf: (item: Item) => number },
): (item: Item) => Promise<Answer> {
  const { itemsMax, waitMsMax, sizeOf } = bounds;
  const send = microBatch<{ item: Item; since: number }, Sent<Answer>>(
    async (waiting) => {
      const now = performance.now();
      const fresh = waiting.filter(({ since }) => now - since <= waitMsMax);
      const sent =
        fresh.length === 0
          ? []
          : await callEach(
              fresh.map(({ item }) => item),
              call,
            );
      const bySlot = new Map(fresh.map((slot, index) => [slot, sent[index] as Sent<Answer>]));
      return waiting.map((slot) => bySlot.get(slot) ?? { kind: "failed", error: overloaded() });
    },
    {
      itemsMax,
      sizeMax: limits.batchBytesMax,
      sizeOf: ({ item }) => sizeOf(item),
    },
  );
  return async (item) => {
    const sent = await send({ item, since: performance.now() });
    if (sent.kind === "failed") throw sent.error;
    return sent.answer;
  };
}

/**
 * One call for all items. Where the whole call failed because of what was in it, its halves are called, and
 * theirs, until the item stands alone that it was: one client's trouble is not its neighbours'.
 */
async function callEach<Item, Answer>(
  items: Item[],
  call: (items: Item[]) => Promise<Answer[]>,
): Promise<Sent<Answer>[]> {
  try {
    const answers = await call(items);
    if (answers.length !== items.length) throw new Error("a batch has another number of answers than items");
    return answers.map((answer) => ({ kind: "answered", answer }));
  } catch (error) {
    if (items.length === 1 || !isOfItsItems(error)) return items.map(() => ({ kind: "failed", error }));
    const middle = Math.ceil(items.length / 2);
    return [
      ...(await callEach(items.slice(0, middle), call)),
      ...(await callEach(items.slice(middle), call)),
    ];
  }
}

/** No answer is nobody's fault; any other failure may be that of a single item. */
function isOfItsItems(error: unknown): boolean {
  return !isUnavailable(error) || error.reason === "unexpected_response";
}
