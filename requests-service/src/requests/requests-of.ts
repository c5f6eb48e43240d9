import type { RequestRecord } from "@sate/contracts";
import type { Store } from "../ports.ts";

/**
 * The requests of executions or refused attempts, by id. These are stored after their request, and requests are never
 * deleted, so a missing one is a bug.
 */
export async function requestsOf(
  items: { request_id: string }[],
  store: Pick<Store, "requests">,
): Promise<(id: string) => RequestRecord> {
  const ids = [...new Set(items.map(({ request_id }) => request_id))];
  const found = await store.requests.get(ids);
  if (found.size < ids.length)
    throw new Error("the request of an execution or a refused attempt is not stored");
  return (id) => found.get(id) as RequestRecord;
}
