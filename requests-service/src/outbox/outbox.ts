import { executionRecord, outcomeRecord, type RequestRecord, refusedExecutionRecord } from "@sate/contracts";
import { type Counters, failpoint, type Log } from "@sate/contracts/runtime";
import { type Execution, runOf } from "../executions/execution.ts";
import type { Marked, Publisher, Random, Refusal, Store } from "../ports.ts";
import { createForwarder, type Entries, type Pending } from "./forwarder.ts";

/**
 * The transactional outbox: wake-ups and outcomes, which the marks of executions ask for, and refused attempts. Each
 * kind has a forwarder of its own, so that neither waits for the other.
 */
export type Outbox = {
  publishSoon(execution: Execution, request: RequestRecord): void;
  publishRefusalSoon(refusal: Refusal, request: RequestRecord): void;
  /** Rejects when the database or the broker does not respond; the next sweep continues where this one failed. */
  sweep(): Promise<void>;
  /** Publishes and clears what waits, until the first failure; the rest is left to a sweep. */
  flush(): Promise<void>;
};

export function createOutbox(parts: {
  store: Pick<Store, "outbox" | "refusals" | "requests">;
  publisher: Pick<Publisher, "publish">;
  random: Random;
  counters: Counters;
  log: Log;
}): Outbox {
  const { store, ...rest } = parts;
  const marks = createForwarder({ ...rest, entries: marksOf(store) });
  const refusals = createForwarder({ ...rest, entries: refusalsOf(store) });

  return {
    publishSoon(execution, request) {
      const pending = pendingExecution(execution, request);
      if (pending) marks.publishSoon(pending);
    },
    publishRefusalSoon: (refusal, request) => refusals.publishSoon(pendingRefusal(refusal, request)),
    async sweep() {
      const ends = await Promise.allSettled([marks.sweep(), refusals.sweep()]);
      for (const end of ends) if (end.status === "rejected") throw end.reason;
    },
    async flush() {
      await Promise.all([marks.flush(), refusals.flush()]);
    },
  };
}

/** The mark is part of the execution's document. */
function marksOf(store: Pick<Store, "outbox" | "requests">): Entries<Marked> {
  return {
    page: (page) => store.outbox.marked(page),
    async load(marked) {
      const executions = await store.outbox.stillMarked(marked);
      const requests = await requestsOf(executions, store);
      return executions.flatMap((execution) => {
        return pendingExecution(execution, requests(execution.request_id)) ?? [];
      });
    },
    clear: (published) => store.outbox.clear(published),
    nameOf: ({ request_id, attempt, mark }) => `${request_id} ${attempt} ${mark}`,
  };
}

/** A refused attempt is stored only to be published. */
function refusalsOf(store: Pick<Store, "refusals" | "requests">): Entries<Refusal> {
  return {
    page: (page) => store.refusals.list(page),
    async load(refusals) {
      const requests = await requestsOf(refusals, store);
      return refusals.map((refusal) => pendingRefusal(refusal, requests(refusal.request_id)));
    },
    async clear(published) {
      failpoint("requests-service.refusal-published");
      await store.refusals.remove(published);
    },
    nameOf: ({ request_id, id }) => `${request_id} ${id}`,
  };
}

function pendingExecution(execution: Execution, request: RequestRecord): Pending<Marked> | undefined {
  const { request_id, attempt, mark, outcome } = execution;
  if (mark === undefined) return undefined;
  const outputs = outcome?.status === "succeeded" ? outcome.outputs_json.length : 0;
  return {
    entry: { request_id, attempt, mark },
    size: request.payload_json.length + outputs,
    record() {
      const run = runOf(execution, request);
      return outcome ? outcomeRecord(run, outcome) : executionRecord({ ...run, id: execution.id });
    },
  };
}

function pendingRefusal(refusal: Refusal, { payload_json }: RequestRecord): Pending<Refusal> {
  return {
    entry: refusal,
    size: payload_json.length,
    record: () => refusedExecutionRecord({ ...refusal, payload_json }),
  };
}

/** Executions and refusals are stored after their request, and requests are never deleted. */
async function requestsOf(
  items: { request_id: string }[],
  store: Pick<Store, "requests">,
): Promise<(id: string) => RequestRecord> {
  const found = await store.requests.get([...new Set(items.map(({ request_id }) => request_id))]);
  return (id) => {
    const request = found.get(id);
    if (!request) throw new Error("a record to publish has no request");
    return request;
  };
}
