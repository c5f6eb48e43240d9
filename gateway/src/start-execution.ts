import { type Admission, formatTimestamp, type JsonText, refusedExecutionRecord } from "@sate/contracts";
import type { Batches } from "./batches.ts";
import type { Counters } from "./counters.ts";
import { readNewExecution } from "./envelope.ts";
import { failpoint } from "./failpoint.ts";
import { executionUri } from "./links.ts";
import { noSuchRequest } from "./path-ids.ts";
import type { Clock, Publisher } from "./ports.ts";
import { exhaustedDetail, hasFailedTooOften, hasSucceeded, isActive } from "./refused-execution.ts";
import { traceOf } from "./request-id.ts";
import { executionView, jsonAnswer } from "./views.ts";

/** Asks for one more execution of a request; answers 201, or rejects with a refusal that says why not. */
export type StartExecution = (
  requestId: string,
  body: JsonText | null,
  headers: Headers,
) => Promise<Response>;

type Attempt = { id: string; request_id: string; force_error: boolean; traceparent: string };

/**
 * The policy of the door. requests-service decides in one step, against all callers at once; the gateway
 * says how many failures are allowed, and explains. An attempt beyond them is published to the dead letter
 * queue first: when that is not certain the answer is `Unavailable`, not the refusal.
 */
export function createStartExecution(parts: {
  createExecution: Batches["createExecution"];
  publisher: Pick<Publisher, "publish">;
  counters: Counters;
  clock: Clock;
  newId: () => string;
  maxFailures: number;
}): StartExecution {
  const { createExecution, publisher, counters, clock, newId, maxFailures } = parts;

  async function publishRefused(
    attempt: Attempt,
    { failures, max_failures, request }: Extract<Admission, { kind: "exhausted" }>,
  ): Promise<void> {
    const creation_date = formatTimestamp(clock());
    const { payload_json } = request;
    const detail = exhaustedDetail(failures, max_failures);
    await publisher.publish([refusedExecutionRecord({ ...attempt, creation_date, payload_json }, detail)]);
    counters.add("dead_letters_published");
  }

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
      case "exhausted":
        await publishRefused(attempt, admission);
        failpoint("gateway.dead-lettered");
        throw hasFailedTooOften(request_id, admission);
    }
  };
}
