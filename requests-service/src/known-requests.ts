import { LRUCache } from "lru-cache";
import type { StoredRequest } from "./execution.ts";
import { firstWithin } from "./first-within.ts";
import type { Requests } from "./ports.ts";

const entriesMax = 20_000;

/**
 * The same requests, with the latest ones kept in memory. A request that is stored never changes and is
 * never deleted, so what was read once, by whichever process, is right for ever; what is not known is asked
 * of the database each time.
 */
export function knownRequests(requests: Requests, { charsMax }: { charsMax: number }): Requests {
  const known = new LRUCache<string, StoredRequest>({
    max: entriesMax,
    maxSize: charsMax,
    sizeCalculation: ({ payloadJson }) => Math.max(payloadJson.length, 1),
  });

  function keep(stored: Iterable<StoredRequest>): void {
    for (const request of stored) known.set(request.id, request);
  }

  /** Those of these that are known, in their order. */
  function knownOf(ids: string[]): Map<string, StoredRequest> {
    return new Map(
      ids.flatMap((id) => {
        const request = known.get(id);
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
      const found = knownOf(ids);
      const missing = ids.filter((id) => !found.has(id));
      if (missing.length === 0) return found;
      const read = await requests.get(missing);
      keep(read.values());
      return new Map([...found, ...read]);
    },
    async getWithin(ids, bytesMax) {
      const sorted = [...new Set(ids)].toSorted();
      const all = knownOf(sorted);
      const missing = sorted.filter((id) => !all.has(id));
      const read = missing.length === 0 ? null : await requests.getWithin(missing, bytesMax);
      for (const [id, request] of read?.found ?? []) all.set(id, request);
      // Behind the last one that was read, some may be missing.
      const end = read?.isCut ? ([...read.found.keys()].at(-1) ?? "") : "~";
      const { found, isCut } = firstWithin(
        sorted.flatMap((id) => (id <= end && all.get(id)) || []),
        bytesMax,
      );
      keep(found.values());
      return { found, isCut: isCut || read?.isCut === true };
    },
    list: requests.list,
  };
}
