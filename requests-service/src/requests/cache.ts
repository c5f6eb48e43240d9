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
      const sorted = [...new Set(ids)].toSorted();
      const all = cachedOf(sorted);
      const missing = sorted.filter((id) => !all.has(id));
      const read = missing.length === 0 ? null : await requests.getWithin(missing, bytesMax);
      for (const [id, request] of read?.found ?? []) all.set(id, request);
      // Beyond the last one that was read, some may be missing.
      const end = read?.isCut ? ([...read.found.keys()].at(-1) ?? "") : "~";
      const { found, isCut } = takeWithin(
        sorted.flatMap((id) => (id <= end && all.get(id)) || []),
        bytesMax,
      );
      keep(found.values());
      return { found, isCut: isCut || read?.isCut === true };
    },
    list: requests.list,
  };
}
