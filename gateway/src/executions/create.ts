import {
  type Admission,
  type CreateExecution,
  type ExecutionRecord,
  type IdempotencyKey,
  limits,
  type RequestRecord,
} from "@sate/contracts";
import { failpoint } from "@sate/contracts/runtime";
import type { Batches } from "../capacity/create-batches.ts";
import { parseInstant } from "../http/instant.ts";
import { unknownId } from "../http/parameters.ts";
import { Refusal } from "../http/problem-response.ts";
import { anInstant } from "../http/range.ts";
import { traceOf } from "../http/traceparent.ts";
import type { Uris } from "../http/uris.ts";
import type { Ports } from "../ports.ts";
import { unknownProcessor } from "../processors/unknown.ts";
import type { AttemptLimit } from "./attempt-limit.ts";

/** Starts another execution of a request. Rejects with a refusal that says why not. */
type StartExecution = (
  requestId: string,
  body: CreateExecution,
  call: { headers: Headers; key: IdempotencyKey | undefined },
) => Promise<{ execution: ExecutionRecord; request: RequestRecord; is_replay: boolean }>;

/**
 * The policy of creating executions. requests-service decides atomically, against all concurrent callers; the gateway
 * sets the maximum number of failures and explains refusals. An attempt beyond it is first stored for the dead letter
 * queue. If it is not certain that it was stored, the response is 503 instead of the refusal.
 */
export function createStartExecution(
  parts: Pick<Batches, "createExecution" | "recordRefusal"> &
    Pick<Ports, "counters" | "monotonic" | "newId"> & {
      attemptLimit: AttemptLimit;
      maxFailures: number;
      uris: Uris;
    },
): StartExecution {
  const { createExecution, recordRefusal, counters, monotonic, newId, maxFailures, uris } = parts;

  return async (request_id, body, { headers, key }) => {
    const { force_error = false, timeout_seconds, expires_in_seconds } = body;
    const start_after = body.start_after === undefined ? undefined : instantOf(body.start_after);
    const attempt = { id: newId(), request_id, force_error, traceparent: traceOf(headers, newId) };
    const admission = await createExecution({
      ...attempt,
      max_failures: maxFailures,
      ...(timeout_seconds !== undefined && { timeout_seconds }),
      ...(expires_in_seconds !== undefined && { expires_in_seconds }),
      ...(start_after !== undefined && { start_after }),
      ...(key && { key }),
    });
    if (admission.kind === "created") {
      failpoint("gateway.accepted");
      if (!admission.is_replay) counters.add("executions_created");
      return admission;
    }
    if (admission.kind === "exhausted") {
      const waitMs = parts.attemptLimit(request_id, monotonic());
      if (waitMs > 0) throw tooManyAttempts(uris, request_id, waitMs);
      const { failures, max_failures } = admission;
      const { kind } = await recordRefusal({ ...attempt, failures, max_failures });
      if (kind === "removed") throw unknownId(kind);
    }
    throw refusalOf(uris, request_id, admission);
  };
}

function instantOf(text: string): number {
  const instant = parseInstant(text);
  if (instant !== null) return instant;
  const detail = `The field \`start_after\` is not a valid date and time. ${anInstant}`;
  throw new Refusal("invalid-body", detail, { field: "start_after" });
}

/** Why the attempt is refused, with a link to what the client needs next. */
export function refusalOf(
  uris: Uris,
  requestId: string,
  admission: Exclude<Admission, { kind: "created" }>,
): Refusal {
  const results_uri = uris.requestResults(requestId);
  switch (admission.kind) {
    case "unknown_request":
    case "removed":
      return unknownId(admission.kind);
    case "key_reused":
      return keyReused();
    case "unknown_processor":
      return unknownProcessor(admission.known);
    case "timeout_too_long":
      return new Refusal(
        "invalid-body",
        `The field \`timeout_seconds\` exceeds the processor's maximum of ${admission.max_seconds} seconds.`,
        { field: "timeout_seconds" },
      );
    case "start_too_far":
      return new Refusal(
        "invalid-body",
        `The field \`start_after\` is more than ${limits.startAheadSecondsMax / 86_400} days in the future, which is the maximum.`,
        { field: "start_after" },
      );
    case "expires_before_start":
      return new Refusal(
        "invalid-body",
        "The execution would expire before its `start_after`. Increase `expires_in_seconds`, which counts from now.",
        { field: "expires_in_seconds" },
      );
    case "active":
      return new Refusal(
        "execution-active",
        "An execution of this processing request is queued or running, and only one may be active. Follow `execution_uri` until it has ended.",
        { execution_uri: uris.execution(requestId, admission.execution_id) },
      );
    case "succeeded":
      return new Refusal(
        "already-succeeded",
        "This processing request has succeeded, so it is not executed again. Read its results at `results_uri`.",
        { results_uri },
      );
    case "exhausted": {
      const { failures, max_failures } = admission;
      const why =
        failures < max_failures
          ? `This processing request has had ${limits.attemptMax} executions, which is the maximum.`
          : `This processing request has ${failures} failed executions, and the maximum is ${max_failures}.`;
      return new Refusal(
        "failures-exhausted",
        `${why} The attempt is recorded in the dead letter queue. See \`results_uri\` for how they ended; to try again, create a new request.`,
        { failures, max_failures, results_uri },
      );
    }
  }
}

export function keyReused(): Refusal {
  return new Refusal(
    "idempotency-key-reused",
    "An earlier request had this Idempotency-Key and another body. Send a new key with every new request, and the same body with a repeated one.",
  );
}

/** This attempt is neither counted nor recorded. */
function tooManyAttempts(uris: Uris, requestId: string, waitMs: number): Refusal {
  return new Refusal(
    "too-many-attempts",
    "There were too many attempts to execute this processing request after it had failed too often. This attempt is " +
      "not recorded. See `results_uri` for why it failed; to try again, create a new request.",
    { results_uri: uris.requestResults(requestId) },
    { "retry-after": String(Math.ceil(waitMs / 1_000)) },
  );
}
