import type { StoredRequest } from "./execution.ts";
import type { Within } from "./ports.ts";

/** Takes requests, one after another, for as long as there is room for their payloads; the first always has room. */
export function openWithin(bytesMax: number, countMax = Number.POSITIVE_INFINITY) {
  const found = new Map<string, StoredRequest>();
  let bytes = 0;
  let isCut = false;
  return {
    /** Answers whether it was taken; after the first that was not, no other need be asked for. */
    take(request: StoredRequest): boolean {
      bytes += Buffer.byteLength(request.payloadJson);
      isCut = found.size >= countMax || (found.size > 0 && bytes > bytesMax);
      if (!isCut) found.set(request.id, request);
      return !isCut;
    },
    read: (): Within => ({ found, isCut }),
  };
}

/** The first of these for which there is room. */
export function firstWithin(requests: Iterable<StoredRequest>, bytesMax: number, countMax?: number): Within {
  const within = openWithin(bytesMax, countMax);
  for (const request of requests) if (!within.take(request)) break;
  return within.read();
}
