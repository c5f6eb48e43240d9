import type { RequestRecord } from "@sate/contracts";
import { LRUCache } from "lru-cache";
import type { Requests } from "../ports.ts";
import { takeWithin } from "./take-within-bytes.ts";

const entriesMax = 20_000;

/**
 * The same requests, with the latest ones kept in memory. A stored request never changes and is never deleted, so a
 * cached one is always right; an unknown id is looked up in the database each time.
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
    list: requests.list,
  };
}
