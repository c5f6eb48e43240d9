import type { RequestRecord } from "@sate/contracts";
import { LRUCache } from "lru-cache";
import type { Requests } from "../ports.ts";
import { takeWithin } from "./take-within-bytes.ts";

const entriesMax = 20_000;

/**
 * The same requests, with the latest ones kept in memory. Of a stored request only the start mark changes: another
 * process may have cleared the mark of a cached one, which then only costs a look at its executions. An unknown id is
 * looked up in the database each time.
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

  return {
    async insert(wanted) {
      const stored = await requests.insert(wanted);
      keep(stored);
      return stored;
    },
    async get(ids) {
      const found = cachedOf(ids);
      const missing = ids.filter((id) => !found.has(id));
      if (missing.length === 0) return found;
      const read = await requests.get(missing);
      keep(read.values());
      return new Map([...found, ...read]);
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
