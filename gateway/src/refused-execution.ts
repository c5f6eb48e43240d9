import type { Admission, ExecutionRecord } from "@sate/contracts";
import { executionResultsUri, executionUri, requestResultsUri } from "./links.ts";
import { Refusal } from "./refusal.ts";

/** The refusals of DESIGN, section 1: each says why, and where the client finds what it needs next. */

export function isActive(requestId: string, executionId: string): Refusal {
  return new Refusal(
    "execution-active",
    "An execution of this request is queued or running, and only one may be. Follow execution_uri until it has ended.",
    { execution_uri: executionUri(requestId, executionId) },
  );
}

export function hasSucceeded(requestId: string): Refusal {
  return new Refusal(
    "already-succeeded",
    "This request has succeeded, so it is not executed again. Its results are at results_uri.",
    { results_uri: requestResultsUri(requestId) },
  );
}

export function hasFailedTooOften(
  requestId: string,
  { failures, max_failures }: Pick<Extract<Admission, { kind: "exhausted" }>, "failures" | "max_failures">,
): Refusal {
  const detail =
    `This request has ${failures} failed executions, and ${max_failures} are allowed. The attempt is recorded for ` +
    "the dead letter queue. The results say why they failed; a new request begins anew.";
  const results_uri = requestResultsUri(requestId);
  return new Refusal("failures-exhausted", detail, { failures, max_failures, results_uri });
}

/** Neither counted nor recorded. */
export function tooManyAttempts(requestId: string, waitMs: number): Refusal {
  return new Refusal(
    "too-many-attempts",
    "This request has failed too often, and there were too many attempts at it. This one does not count and is not " +
      "recorded. A new request begins anew.",
    { results_uri: requestResultsUri(requestId) },
    { "retry-after": String(Math.ceil(waitMs / 1_000)) },
  );
}

export function hasEnded({ request_id, id }: ExecutionRecord): Refusal {
  return new Refusal(
    "execution-ended",
    "The execution has ended, so it can no longer be cancelled. Its result is at results_uri.",
    { results_uri: executionResultsUri(request_id, id), execution_uri: executionUri(request_id, id) },
  );
}
