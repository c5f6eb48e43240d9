import type { JsonText } from "@sate/contracts";
import type { AttemptLimit } from "./attempt-limit.ts";
import type { Batches } from "./batches.ts";
import type { Counters } from "./counters.ts";
import { readNewExecution } from "./envelope.ts";
import { failpoint } from "./failpoint.ts";
import { executionUri } from "./links.ts";
import { noSuchRequest } from "./path-ids.ts";
import type { Monotonic } from "./ports.ts";
import { hasFailedTooOften, hasSucceeded, isActive, tooManyAttempts } from "./refused-execution.ts";
import { traceOf } from "./request-id.ts";
import { executionView, jsonAnswer } from "./views.ts";

/** Asks for one more execution of a request; answers 201, or rejects with a refusal that says why not. */
export type StartExecution = (
  requestId: string,
  body: JsonText | null,
  headers: Headers,
) => Promise<Response>;

/**
 * The policy of the door. requests-service decides in one step, against all callers at once; the gateway
 * says how many failures are allowed, and explains. An attempt beyond them is stored for the dead letter queue
 * first: when that is not certain the answer is `Unavailable`, not the refusal.
 */
export function createStartExecution(parts: {
  createExecution: Batches["createExecution"];
  recordRefusal: Batches["recordRefusal"];
  attemptLimit: AttemptLimit;
  counters: Counters;
  monotonic: Monotonic;
  newId: () => string;
  maxFailures: number;
}): StartExecution {
  const { createExecution, recordRefusal, attemptLimit, counters, monotonic, newId, maxFailures } = parts;

  return async (request_id, body, headers) => {
    const { force_error } = readNewExecution(body);
    const attempt = { id: newId(), request_id, force_error, traceparent: traceOf(headers, newId) };
    const admission = await createExecution({ ...attempt, max_failures: maxFailures });
    switch (admission.kind) {
      case "created": {
        failpoint("gateway.accepted");
        const { execution, request } = admission;
        counters.add("executions_created");
        const location = executionUri(request_id, execution.id);
        return jsonAnswer(201, executionView(execution, request), { location });
      }
      case "unknown_request":
        throw noSuchRequest();
      case "active":
        throw isActive(request_id, admission.execution_id);
      case "succeeded":
        throw hasSucceeded(request_id);
      case "exhausted": {
        const waitMs = attemptLimit(request_id, monotonic());
        if (waitMs > 0) throw tooManyAttempts(request_id, waitMs);
        const { failures, max_failures } = admission;
        const recorded = await recordRefusal({ ...attempt, failures, max_failures });
        if (recorded.kind === "unknown_request") throw noSuchRequest();
        throw hasFailedTooOften(request_id, admission);
      }
    }
  };
}
