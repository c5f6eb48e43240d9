import type { StoredRequest } from "./execution.ts";
import { firstWithin } from "./first-within.ts";
import type { Requests } from "./ports.ts";

/**
 * The same requests, with the latest ones kept in memory. A request that is stored never changes and is
 * never deleted, so what was read once, by whichever process, is right for ever; what is not known is asked
 * of the database each time.
 */
export function knownRequests(requests: Requests, { charsMax }: { charsMax: number }): Requests {
  /** The latest used is the last. */
  const known = new Map<string, StoredRequest>();
  let chars = 0;

  function keep(request: StoredRequest): void {
    forget(request.id);
    known.set(request.id, request);
    chars += request.payloadJson.length;
    for (const id of known.keys()) {
      if (chars <= charsMax && known.size <= entriesMax) return;
      forget(id);
    }
  }

  function forget(id: string): void {
    const request = known.get(id);
    if (!request) return;
    known.delete(id);
    chars -= request.payloadJson.length;
  }

  return {
    async insert(wanted) {
      const stored = await requests.insert(wanted);
      for (const request of stored) keep(request);
      return stored;
    },
    async get(ids) {
      const found = new Map<string, StoredRequest>();
      const missing: string[] = [];
      for (const id of ids) {
        const request = known.get(id);
        if (request) found.set(id, request);
        else missing.push(id);
      }
      if (missing.length > 0) for (const [id, request] of await requests.get(missing)) found.set(id, request);
      for (const request of found.values()) keep(request);
      return found;
    },
    async getWithin(ids, bytesMax) {
      const sorted = [...new Set(ids)].toSorted();
      const all = new Map<string, StoredRequest>();
      for (const id of sorted) {
        const request = known.get(id);
        if (request) all.set(id, request);
      }
      const missing = sorted.filter((id) => !all.has(id));
      const read = missing.length === 0 ? null : await requests.getWithin(missing, bytesMax);
      for (const [id, request] of read?.found ?? []) all.set(id, request);
      // Behind the last one that was read, some may be missing.
      const end = read?.isCut ? ([...read.found.keys()].at(-1) ?? "") : "~";
      const { found, isCut } = firstWithin(
        sorted.flatMap((id) => (id <= end && all.get(id)) || []),
        bytesMax,
      );
      for (const request of found.values()) keep(request);
      return { found, isCut: isCut || read?.isCut === true };
    },
    list: requests.list,
  };
}

const entriesMax = 20_000;
