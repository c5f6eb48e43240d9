import type { RequestRecord } from "@sate/contracts";
import { LRUCache } from "lru-cache";
import type { Requests } from "../ports.ts";
import { takeWithin } from "./take-within-bytes.ts";

const entriesMax = 20_000;

/**
 * The same requests, with the latest ones kept in memory. A cached one may be outdated in two ways, because another
 * process has changed it:
 *
 * - Its start mark is cleared. That only costs a look at its executions.
 * - It is removed. So only those callers use it that also read or write its executions, which show the removal, because
 *   they are never cached. All others use `current` or `removedOf`, which read from the database.
 *
 * An unknown id is looked up in the database each time.
 */
export function cachedRequests(requests: Requests, { charsMax }: { charsMax: number }): Requests {
  const cache = new LRUCache<string, RequestRecord>({
    max: entriesMax,
    maxSize: charsMax,
    sizeCalculation: ({ payload_json }) => Math.max(payload_json.length, 1),
  });

  function keep(stored: Iterable<RequestRecord>): void {
    for (const request of stored) cache.set(request.id, request);
  }

  /** Those of these that are cached, in their order. */
  function cachedOf(ids: string[]): Map<string, RequestRecord> {
    return new Map(
      ids.flatMap((id) => {
        const request = cache.get(id);
        return request ? [[id, request] as const] : [];
      }),
    );
  }

  async function get(ids: string[]): Promise<Map<string, RequestRecord>> {
    const found = cachedOf(ids);
    const missing = ids.filter((id) => !found.has(id));
    if (missing.length === 0) return found;
    const read = await requests.get(missing);
    keep(read.values());
    return new Map([...found, ...read]);
  }

  return {
    async insert(wanted) {
      const stored = await requests.insert(wanted);
      keep(stored);
      return stored;
    },
    get,
    async current(ids) {
      const cached = [...cachedOf(ids).keys()];
      const [removed, others] = await Promise.all([
        requests.removedOf(cached),
        requests.get(ids.filter((id) => !cached.includes(id))),
      ]);
      for (const id of removed) cache.delete(id);
      keep(others.values());
      return new Map([...others, ...(await get(cached))]);
    },
    removedOf: requests.removedOf,
    async remove(ids) {
      await requests.remove(ids);
      for (const id of ids) cache.delete(id);
    },
    async getWithin(ids, bytesMax) {
      const cached = cachedOf(ids.toSorted());
      if (ids.every((id) => cached.has(id))) return takeWithin(cached.values(), bytesMax);
      const within = await requests.getWithin(ids, bytesMax);
      keep(within.found.values());
      return within;
    },
    // Lists read old requests, which would displace those that are needed soon.
    newest: requests.newest,
    starting: requests.starting,
    async clearStarts(starting) {
      await requests.clearStarts(starting);
      for (const { request_id } of starting) {
        const cached = cache.get(request_id);
        if (cached) cache.set(request_id, withoutStart(cached));
      }
    },
  };
}

function withoutStart({ start: _, ...request }: RequestRecord): RequestRecord {
  return request;
}
