import { refusedExecutionRecord } from "@sate/contracts";
import type { Execution, StoredRequest } from "./execution.ts";
import { failpoint } from "./failpoint.ts";
import { createForwarder, type Entries, type Letter } from "./forwarder.ts";
import type { Marked, Publisher, Refusal, Store } from "./ports.ts";
import type { Log } from "./runtime/log.ts";
import type { Counters } from "./runtime/metrics.ts";
import { markedRecord } from "./wire.ts";

/**
 * What requests-service publishes: what the marks of executions ask for, and refused attempts. Each has a forwarder of
 * its own, so that neither waits for the other.
 */
export type Outbox = {
  wake(execution: Execution, request: StoredRequest): void;
  wakeRefusal(refusal: Refusal, request: StoredRequest): void;
  /** Rejects when the database or the broker does not answer; the next sweep goes on where this one failed. */
  sweep(): Promise<void>;
  /** Publishes and clears what waits, until the first failure: the rest is left to a sweep. */
  flush(): Promise<void>;
};

export function createOutbox(parts: {
  store: Pick<Store, "outbox" | "refusals" | "requests">;
  publisher: Pick<Publisher, "publish">;
  counters: Counters;
  log: Log;
}): Outbox {
  const { store, ...rest } = parts;
  const marks = createForwarder({ ...rest, entries: marksOf(store) });
  const refusals = createForwarder({ ...rest, entries: refusalsOf(store) });

  return {
    wake(execution, request) {
      const letter = executionLetter(execution, request);
      if (letter) marks.wake(letter);
    },
    wakeRefusal: (refusal, request) => refusals.wake(refusalLetter(refusal, request)),
    async sweep() {
      const ends = await Promise.allSettled([marks.sweep(), refusals.sweep()]);
      for (const end of ends) if (end.status === "rejected") throw end.reason;
    },
    async flush() {
      await Promise.all([marks.flush(), refusals.flush()]);
    },
  };
}

/** The mark stands in the document that it speaks of. */
function marksOf(store: Pick<Store, "outbox" | "requests">): Entries<Marked> {
  return {
    page: (page) => store.outbox.marked(page),
    async load(marked) {
      const standing = await store.outbox.standing(marked);
      const requests = await requestsOf(
        standing.map(({ requestId }) => requestId),
        store,
      );
      return standing.flatMap((execution) => executionLetter(execution, requests(execution.requestId)) ?? []);
    },
    clear: (published) => store.outbox.clear(published),
    nameOf: ({ requestId, attempt, mark }) => `${requestId} ${attempt} ${mark}`,
  };
}

/** A refused attempt is stored only to be published. */
function refusalsOf(store: Pick<Store, "refusals" | "requests">): Entries<Refusal> {
  return {
    page: (page) => store.refusals.list(page),
    async load(refusals) {
      const requests = await requestsOf(
        refusals.map(({ request_id }) => request_id),
        store,
      );
      return refusals.map((refusal) => refusalLetter(refusal, requests(refusal.request_id)));
    },
    async clear(published) {
      failpoint("requests-service.refusal-published");
      await store.refusals.remove(published);
    },
    nameOf: ({ request_id, id }) => `${request_id} ${id}`,
  };
}

function executionLetter(execution: Execution, request: StoredRequest): Letter<Marked> | undefined {
  const { requestId, attempt, mark, outcome } = execution;
  if (mark === undefined) return undefined;
  const outputs = outcome?.status === "succeeded" ? outcome.outputs_json.length : 0;
  return {
    entry: { requestId, attempt, mark },
    size: request.payloadJson.length + outputs,
    record: () => markedRecord(execution, request),
  };
}

function refusalLetter(refusal: Refusal, { payloadJson }: StoredRequest): Letter<Refusal> {
  return {
    entry: refusal,
    size: payloadJson.length,
    record: () => refusedExecutionRecord({ ...refusal, payload_json: payloadJson }),
  };
}

/** Executions and refusals are only stored after their request, and requests are never deleted. */
async function requestsOf(
  ids: string[],
  store: Pick<Store, "requests">,
): Promise<(id: string) => StoredRequest> {
  const found = await store.requests.get([...new Set(ids)]);
  return (id) => {
    const request = found.get(id);
    if (!request) throw new Error("what is to be published has no request");
    return request;
  };
}
