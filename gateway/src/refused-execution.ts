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
  return new Refusal("failures-exhausted", exhaustedDetail(failures, max_failures), {
    failures,
    max_failures,
    results_uri: requestResultsUri(requestId),
  });
}

export function exhaustedDetail(failures: number, maxFailures: number): string {
  return (
    `This request has ${failures} failed executions, and ${maxFailures} are allowed. The attempt is in the ` +
    "dead letter queue. The results say why they failed; a new request begins anew."
  );
}

export function hasEnded({ request_id, id }: ExecutionRecord): Refusal {
  return new Refusal(
    "execution-ended",
    "The execution has ended, so it can no longer be cancelled. Its result is at results_uri.",
    { results_uri: executionResultsUri(request_id, id), execution_uri: executionUri(request_id, id) },
  );
}
