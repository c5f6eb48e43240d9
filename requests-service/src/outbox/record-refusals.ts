import { formatTimestamp, type RequestsApi } from "@sate/contracts";
import { failpoint } from "@sate/contracts/runtime";
import type { Ports, Refusal } from "../ports.ts";
import { requestsOf } from "../requests/requests-of.ts";
import type { Outbox } from "./outbox.ts";

/**
 * Stores refused attempts, which the outbox publishes to the dead letter queue. It never waits for the broker, and
 * creations never wait for it.
 */
export function recordRefusalsCommand(
  { store, counters, clock }: Ports,
  outbox: Outbox,
): RequestsApi["recordRefusals"] {
  return async ({ refusals: wanted }) => {
    const requestOf = await requestsOf(wanted, store);
    const creation_date = formatTimestamp(clock());
    // Field by field: bodies are open, and unknown fields are not stored.
    const refusals = wanted.map(
      ({ id, request_id, force_error, failures, max_failures, traceparent }): Refusal => {
        const refusal = { id, request_id, force_error, failures, max_failures, creation_date };
        return traceparent === undefined ? refusal : { ...refusal, traceparent };
      },
    );
    await store.refusals.insert(refusals);
    failpoint("requests-service.refusal-stored");
    // After the write: a removal that this does not see yet deletes what was written.
    const removed = await store.requests.removedOf([
      ...new Set(refusals.map(({ request_id }) => request_id)),
    ]);
    await store.refusals.remove(refusals.filter(({ request_id }) => removed.has(request_id)));
    const kept = refusals.filter(({ request_id }) => !removed.has(request_id));
    counters.add("refusals_stored", kept.length);
    for (const refusal of kept) outbox.publishRefusalSoon(refusal, requestOf(refusal.request_id));
    return {
      answers: wanted.map(({ request_id }) => ({ kind: removed.has(request_id) ? "removed" : "recorded" })),
    };
  };
}
