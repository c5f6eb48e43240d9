import type { StoredRequest } from "./execution.ts";
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
    list: requests.list,
  };
}

const entriesMax = 20_000;
