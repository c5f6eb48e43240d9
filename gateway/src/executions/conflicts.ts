import type { Admission, ExecutionRecord } from "@sate/contracts";
import { Refusal } from "../http/problem-response.ts";
import type { Uris } from "../http/uris.ts";

/** The conflicts of an execution: each says why it is refused, and where the client finds what it needs next. */

export function isActive(uris: Uris, requestId: string, executionId: string): Refusal {
  return new Refusal(
    "execution-active",
    "An execution of this request is queued or running, and only one may be. Follow execution_uri until it has ended.",
    { execution_uri: uris.execution(requestId, executionId) },
  );
}

export function hasSucceeded(uris: Uris, requestId: string): Refusal {
  return new Refusal(
    "already-succeeded",
    "This request has succeeded, so it is not executed again. Its results are at results_uri.",
    { results_uri: uris.requestResults(requestId) },
  );
}

export function hasFailedTooOften(
  uris: Uris,
  requestId: string,
  { failures, max_failures }: Pick<Extract<Admission, { kind: "exhausted" }>, "failures" | "max_failures">,
): Refusal {
  const detail =
    `This request has ${failures} failed executions, and ${max_failures} are allowed. The attempt is recorded for ` +
    "the dead letter queue. The results say why they failed; a new request begins anew.";
  const results_uri = uris.requestResults(requestId);
  return new Refusal("failures-exhausted", detail, { failures, max_failures, results_uri });
}

/** Neither counted nor recorded. */
export function tooManyAttempts(uris: Uris, requestId: string, waitMs: number): Refusal {
  return new Refusal(
    "too-many-attempts",
    "This request has failed too often, and there were too many attempts at it. This one does not count and is not " +
      "recorded. A new request begins anew.",
    { results_uri: uris.requestResults(requestId) },
    { "retry-after": String(Math.ceil(waitMs / 1_000)) },
  );
}

export function hasEnded(uris: Uris, { request_id, id }: ExecutionRecord): Refusal {
  return new Refusal(
    "execution-ended",
    "The execution has ended, so it can no longer be cancelled. Its result is at results_uri.",
    { results_uri: uris.executionResults(request_id, id), execution_uri: uris.execution(request_id, id) },
  );
}
