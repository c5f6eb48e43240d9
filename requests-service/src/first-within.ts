import type { StoredRequest } from "./execution.ts";
import type { Within } from "./ports.ts";

/** As many of these as have payloads of `bytesMax` together, at least one; after the first without room none is asked for. */
export function firstWithin(requests: Iterable<StoredRequest>, bytesMax: number): Within {
  const found = new Map<string, StoredRequest>();
  let bytes = 0;
  for (const request of requests) {
    bytes += Buffer.byteLength(request.payloadJson);
    if (found.size > 0 && bytes > bytesMax) return { found, isCut: true };
    found.set(request.id, request);
  }
  return { found, isCut: false };
}
