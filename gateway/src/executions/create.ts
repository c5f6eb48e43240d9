import type { Batches } from "../capacity/create-batches.ts";
import { failpoint } from "../failpoint.ts";
import { noSuchRequest } from "../http/path-ids.ts";
import { executionView, jsonResponse } from "../http/render.ts";
import { traceOf } from "../http/trace-context.ts";
import type { Uris } from "../http/uris.ts";
import type { Monotonic } from "../ports.ts";
import type { Counters } from "../runtime/metrics.ts";
import type { AttemptLimit } from "./attempt-limit.ts";
import { hasFailedTooOften, hasSucceeded, isActive, tooManyAttempts } from "./conflicts.ts";

/** Asks for one more execution of a request. Resolves with 201, or rejects with a refusal that says why not. */
export type StartExecution = (
  requestId: string,
  body: { force_error?: boolean },
  headers: Headers,
) => Promise<Response>;

/**
 * The policy of creating executions. requests-service decides in one step, against all callers at once; the gateway
 * says how many failures are allowed, and explains. An attempt beyond them is stored for the dead letter queue
 * first: when that is not certain the response is `unavailable`, not the refusal.
 */
export function createStartExecution(parts: {
  createExecution: Batches["createExecution"];
  recordRefusal: Batches["recordRefusal"];
  attemptLimit: AttemptLimit;
  counters: Counters;
  monotonic: Monotonic;
  newId: () => string;
  maxFailures: number;
  uris: Uris;
}): StartExecution {
  const { createExecution, recordRefusal, attemptLimit, counters, monotonic, newId, maxFailures, uris } =
    parts;

  return async (request_id, { force_error = false }, headers) => {
    const attempt = { id: newId(), request_id, force_error, traceparent: traceOf(headers, newId) };
    const admission = await createExecution({ ...attempt, max_failures: maxFailures });
    switch (admission.kind) {
      case "created": {
        failpoint("gateway.accepted");
        const { execution, request } = admission;
        counters.add("executions_created");
        const location = uris.execution(request_id, execution.id);
        return jsonResponse(201, executionView(execution, request), { location });
      }
      case "unknown_request":
        throw noSuchRequest();
      case "active":
        throw isActive(uris, request_id, admission.execution_id);
      case "succeeded":
        throw hasSucceeded(uris, request_id);
      case "exhausted": {
        const waitMs = attemptLimit(request_id, monotonic());
        if (waitMs > 0) throw tooManyAttempts(uris, request_id, waitMs);
        const { failures, max_failures } = admission;
        const recorded = await recordRefusal({ ...attempt, failures, max_failures });
        if (recorded.kind === "unknown_request") throw noSuchRequest();
        throw hasFailedTooOften(uris, request_id, admission);
      }
    }
  };
}
