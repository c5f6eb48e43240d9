import {
  executionRecord,
  outcomeRecord,
  processorNameOf,
  type RequestRecord,
  refusedExecutionRecord,
} from "@sate/contracts";
import { failpoint, inParts } from "@sate/contracts/runtime";
import { type Execution, publishedOf } from "../executions/execution.ts";
import type { Marked, Ports, Refusal, Store } from "../ports.ts";
import { requestsOf } from "../requests/requests-of.ts";
import { createForwarder, type Entries, type Forwarder, type Pending } from "./forwarder.ts";

/**
 * The transactional outbox: wake-ups and outcomes, which the marks of executions ask for, and refused attempts. Each
 * kind has a forwarder of its own, so that neither waits for the other.
 */
export type Outbox = Omit<Forwarder<never>, "publishSoon"> & {
  publishSoon(execution: Execution, request: RequestRecord): void;
  /**
   * The same for many, whose requests are read first. Never rejects: the marks are stored, so a failure loses nothing,
   * and the sweep publishes them later.
   */
  publishAllSoon(executions: Execution[]): Promise<void>;
  publishRefusalSoon(refusal: Refusal, request: RequestRecord): void;
};

const payloadsAtOnce = 32;

export function createOutbox(ports: Ports): Outbox {
  const { store, counters } = ports;
  const marks = createForwarder(marksOf(store), ports);
  const refusals = createForwarder(refusalsOf(store), ports);

  function publishSoon(execution: Execution, request: RequestRecord): void {
    if (execution.mark === undefined || isStub(request)) return;
    marks.publishSoon(pendingExecution(execution, request));
  }

  return {
    publishSoon,
    async publishAllSoon(executions) {
      try {
        for (const chunk of inParts(executions, { itemsMax: payloadsAtOnce })) {
          const requestOf = await requestsOf(chunk, store);
          for (const execution of chunk) publishSoon(execution, requestOf(execution.request_id));
        }
      } catch {
        counters.add("outbox_left_to_sweep");
      }
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
      const requestOf = await requestsOf(executions, store);
      return executions.flatMap((execution) => {
        const request = requestOf(execution.request_id);
        return isStub(request) ? [] : pendingExecution(execution, request);
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
      const request = await requestsOf(refusals, store);
      const removed = await store.requests.removedOf(refusals.map(({ request_id }) => request_id));
      // Stored by a call that was in flight when the request was removed.
      await store.refusals.remove(refusals.filter(({ request_id }) => removed.has(request_id)));
      return refusals
        .filter(({ request_id }) => !removed.has(request_id))
        .map((refusal) => pendingRefusal(refusal, request(refusal.request_id)));
    },
    async clear(published) {
      failpoint("requests-service.refusal-published");
      await store.refusals.remove(published);
    },
    nameOf: ({ request_id, id }) => `${request_id} ${id}`,
  };
}

/**
 * Whether the request was removed after its execution was read. Then there is nothing left to publish: without its payload
 * the record would be unreadable, and become a dead letter that contains the outputs.
 */
function isStub({ removed_at }: RequestRecord): boolean {
  return removed_at !== undefined;
}

function pendingExecution(execution: Execution, request: RequestRecord): Pending<Marked> {
  const { request_id, attempt, mark = "", outcome } = execution;
  const outputs = outcome?.status === "succeeded" ? outcome.outputs_json.length : 0;
  return {
    entry: { request_id, attempt, mark },
    size: request.payload_json.length + outputs,
    record() {
      const published = publishedOf(execution, request);
      return outcome
        ? outcomeRecord({ ...published, execution_id: published.id }, outcome)
        : executionRecord(published);
    },
  };
}

function pendingRefusal(refusal: Refusal, request: RequestRecord): Pending<Refusal> {
  const { payload_json } = request;
  const processor = processorNameOf(request);
  return {
    entry: refusal,
    size: payload_json.length,
    record: () => refusedExecutionRecord({ ...refusal, payload_json, processor }),
  };
}
