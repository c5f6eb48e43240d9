import type { CreateRequest, ExecutionRecord, IdempotencyKey, JsonText, NewRequest } from "@sate/contracts";
import type { Batches } from "../capacity/create-batches.ts";
import { keyReused, refusalOf } from "../executions/create.ts";
import { unknownId } from "../http/parameters.ts";
import { Refusal } from "../http/problem-response.ts";
import { traceOf } from "../http/traceparent.ts";
import type { Uris } from "../http/uris.ts";
import type { Ports } from "../ports.ts";
import type { RequestCheck } from "../processors/check-request.ts";
import { unknownProcessor } from "../processors/unknown.ts";

export type CreatedRequest = {
  request: NewRequest;
  /** If the body has `execute`. */
  execution: ExecutionRecord | undefined;
  isReplay: boolean;
};

/** Stores a request, and starts its execution if the body says so. Rejects with a refusal that says why not. */
export type CreateOneRequest = (
  body: CreateRequest,
  call: { headers: Headers; key: IdempotencyKey | undefined },
) => Promise<CreatedRequest>;

export function createCreateRequest(
  parts: Pick<Batches, "createRequest"> &
    Pick<Ports, "counters" | "newId"> & { checkRequest: RequestCheck; maxFailures: number; uris: Uris },
): CreateOneRequest {
  const { createRequest, checkRequest, counters, newId, maxFailures, uris } = parts;

  /** Why the request may not be created now; `undefined` if it may. */
  async function refusalFor(processor: string | undefined, payload: JsonText): Promise<Refusal | undefined> {
    try {
      if (processor !== undefined) await checkRequest(processor, payload);
      return undefined;
    } catch (error) {
      if (error instanceof Refusal) return error;
      throw error;
    }
  }

  return async ({ payload, processor, labels, execute = false }, { headers, key }) => {
    const payload_json = payload as JsonText;
    const refusal = await refusalFor(processor, payload_json);
    // What was created with this key stays so, whatever the announcement of the processor says now.
    if (refusal && !key) throw refusal;
    const wanted: NewRequest = {
      id: newId(),
      payload_json,
      ...(processor !== undefined && { processor }),
      ...(labels && { labels }),
      ...(execute && {
        start: { execution_id: newId(), max_failures: maxFailures, traceparent: traceOf(headers, newId) },
      }),
      ...(key && { key }),
      ...(refusal && { is_refused: true }),
    };
    const created = await createRequest(wanted);
    switch (created.kind) {
      case "created": {
        const { request_id: id, is_replay: isReplay, admission } = created;
        if (admission && admission.kind !== "created") throw refusalOf(uris, id, admission);
        if (!isReplay) counters.add("requests_created");
        if (!isReplay && admission) counters.add("executions_created");
        return { request: { ...wanted, id }, execution: admission?.execution, isReplay };
      }
      case "key_reused":
        throw keyReused();
      case "removed":
        throw unknownId("removed");
      case "unknown_processor":
        throw unknownProcessor(created.known);
      default:
        throw refusal ?? new Error("a new id is taken");
    }
  };
}
