import type { RequestRecord } from "@sate/contracts";
import type { Within } from "../ports.ts";

/** Takes requests one by one while their payloads fit into `bytesMax`; the first always fits. */
export function openWithin(bytesMax: number, countMax = Number.POSITIVE_INFINITY) {
  const found = new Map<string, RequestRecord>();
  let bytes = 0;
  let isCut = false;
  return {
    /** Returns whether it was taken; after the first refusal, stop. */
    take(request: RequestRecord): boolean {
      bytes += Buffer.byteLength(request.payload_json);
      isCut = found.size >= countMax || (found.size > 0 && bytes > bytesMax);
      if (!isCut) found.set(request.id, request);
      return !isCut;
    },
    read: (): Within => ({ found, isCut }),
  };
}

export function takeWithin(requests: Iterable<RequestRecord>, bytesMax: number, countMax?: number): Within {
  const within = openWithin(bytesMax, countMax);
  for (const request of requests) if (!within.take(request)) break;
  return within.read();
}
