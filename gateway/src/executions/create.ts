import { type Counters, failpoint } from "@sate/contracts/runtime";
import type { Batches } from "../capacity/create-batches.ts";
import { unknownId } from "../http/path-ids.ts";
import { executionView, jsonResponse } from "../http/render.ts";
import { traceOf } from "../http/trace-context.ts";
import type { Uris } from "../http/uris.ts";
import type { Monotonic } from "../ports.ts";
import type { AttemptLimit } from "./attempt-limit.ts";
import { hasFailedTooOften, hasSucceeded, isActive, tooManyAttempts } from "./conflicts.ts";

/** Starts another execution of a request. Resolves with 201, or rejects with a refusal that says why not. */
export type StartExecution = (
  requestId: string,
  body: { force_error?: boolean },
  headers: Headers,
) => Promise<Response>;

/**
 * The policy of creating executions. requests-service decides atomically, against all concurrent callers; the gateway
 * sets the maximum number of failures and explains refusals. An attempt beyond it is first stored for the dead letter
 * queue: unless that is certain, the response is 503 and not the refusal.
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
        throw unknownId(admission.kind);
      case "active":
        throw isActive(uris, request_id, admission.execution_id);
      case "succeeded":
        throw hasSucceeded(uris, request_id);
      case "exhausted": {
        const waitMs = attemptLimit(request_id, monotonic());
        if (waitMs > 0) throw tooManyAttempts(uris, request_id, waitMs);
        const { failures, max_failures } = admission;
        const recorded = await recordRefusal({ ...attempt, failures, max_failures });
        if (recorded.kind === "unknown_request") throw unknownId(recorded.kind);
        throw hasFailedTooOften(uris, request_id, admission);
      }
    }
  };
}
