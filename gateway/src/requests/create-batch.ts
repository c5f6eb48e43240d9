import { type CreateRequests, type JsonText, jsonObject, toJson } from "@sate/contracts";
import type { IdempotencyKeys } from "../http/idempotency-key.ts";
import { createProblemOf, type Failed } from "../http/problem-response.ts";
import type { Ports } from "../ports.ts";
import type { CreateOneRequest } from "./create.ts";

/** The result of each request of a batch, in order. `areReplays`: an earlier call with the same key created all of them. */
type CreatedBatch = { results: JsonText[]; areReplays: boolean };

/**
 * Creates each request of a batch on its own: one that is refused does not affect the others. The Idempotency-Key of the
 * call is that of each request, together with its place.
 */
export function createCreateBatch(
  parts: Pick<Ports, "log" | "counters"> & {
    createOneRequest: CreateOneRequest;
    idempotencyKeys: IdempotencyKeys;
  },
) {
  const { createOneRequest, idempotencyKeys } = parts;
  const problemOf = createProblemOf(parts);

  return async (request: Request, { requests }: CreateRequests, failed: Failed): Promise<CreatedBatch> => {
    const { headers } = request;
    // All keys first: a malformed one refuses the whole call.
    const keys = requests.map((body, place) =>
      idempotencyKeys(request, ["POST /requests/batch", String(place)], body),
    );
    let replays = 0;
    const create = async (body: CreateRequests["requests"][number], place: number): Promise<JsonText> => {
      try {
        const created = await createOneRequest(body, { headers, key: keys[place] });
        if (created.isReplay) replays++;
        return jsonObject({ id: toJson(created.request.id), execution_id: toJson(created.execution?.id) });
      } catch (error) {
        return jsonObject({ problem: toJson(problemOf(error, failed).body) });
      }
    };
    const results = await Promise.all(requests.map(create));
    return { results, areReplays: replays === requests.length };
  };
}
