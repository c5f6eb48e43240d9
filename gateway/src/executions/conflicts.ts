import type { Admission, ExecutionRecord } from "@sate/contracts";
import { Refusal } from "../http/problem-response.ts";
import type { Uris } from "../http/uris.ts";

/** The conflicts of an execution: each says why it is refused, and links to what the client needs next. */

export function isActive(uris: Uris, requestId: string, executionId: string): Refusal {
  return new Refusal(
    "execution-active",
    "An execution of this processing request is queued or running, and only one may be active. Follow `execution_uri` until it has ended.",
    { execution_uri: uris.execution(requestId, executionId) },
  );
}

export function hasSucceeded(uris: Uris, requestId: string): Refusal {
  return new Refusal(
    "already-succeeded",
    "This processing request has succeeded, so it is not executed again. Read its results at `results_uri`.",
    { results_uri: uris.requestResults(requestId) },
  );
}

export function hasFailedTooOften(
  uris: Uris,
  requestId: string,
  { failures, max_failures }: Pick<Extract<Admission, { kind: "exhausted" }>, "failures" | "max_failures">,
): Refusal {
  return new Refusal(
    "failures-exhausted",
    `This processing request has ${failures} failed executions, and the maximum is ${max_failures}. The attempt is ` +
      "recorded in the dead letter queue. See `results_uri` for why they failed; to try again, create a new request.",
    { failures, max_failures, results_uri: uris.requestResults(requestId) },
  );
}

/** This attempt is neither counted nor recorded. */
export function tooManyAttempts(uris: Uris, requestId: string, waitMs: number): Refusal {
  return new Refusal(
    "too-many-attempts",
    "There were too many attempts to execute this processing request after it had failed too often. This attempt is " +
      "not recorded. See `results_uri` for why it failed; to try again, create a new request.",
    { results_uri: uris.requestResults(requestId) },
    { "retry-after": String(Math.ceil(waitMs / 1_000)) },
  );
}

export function hasEnded(uris: Uris, { request_id, id }: ExecutionRecord): Refusal {
  return new Refusal(
    "execution-ended",
    "The execution has ended, so it can no longer be cancelled. Read its result at `results_uri`.",
    { results_uri: uris.executionResults(request_id, id), execution_uri: uris.execution(request_id, id) },
  );
}
