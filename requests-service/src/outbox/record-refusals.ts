import { formatTimestamp, type RequestsApi } from "@sate/contracts";
import { type Counters, failpoint } from "@sate/contracts/runtime";
import type { Clock, Refusal, Store } from "../ports.ts";
import type { Outbox } from "./outbox.ts";

/**
 * Stores refused attempts, which the outbox publishes to the dead letter queue. It never waits for the broker, and
 * creations never wait for it.
 */
export function recordRefusalsCommand(parts: {
  store: Pick<Store, "requests" | "refusals">;
  outbox: Pick<Outbox, "publishRefusalSoon">;
  counters: Counters;
  clock: Clock;
}): RequestsApi["recordRefusals"] {
  const { store, outbox, counters, clock } = parts;

  return async ({ refusals: wanted }) => {
    const requests = await store.requests.get([...new Set(wanted.map(({ request_id }) => request_id))]);
    const creation_date = formatTimestamp(clock());
    const refusals = wanted
      .filter(({ request_id }) => requests.has(request_id))
      // Field by field: bodies are open, and unknown fields are not stored.
      .map(({ id, request_id, force_error, failures, max_failures, traceparent }): Refusal => {
        const refusal = { id, request_id, force_error, failures, max_failures, creation_date };
        return traceparent === undefined ? refusal : { ...refusal, traceparent };
      });
    await store.refusals.insert(refusals);
    if (refusals.length > 0) failpoint("requests-service.refusal-stored");
    counters.add("refusals_stored", refusals.length);
    for (const refusal of refusals) {
      const request = requests.get(refusal.request_id);
      if (request) outbox.publishRefusalSoon(refusal, request);
    }
    return {
      answers: wanted.map(({ request_id }) => ({
        kind: requests.has(request_id) ? ("recorded" as const) : ("unknown_request" as const),
      })),
    };
  };
}
