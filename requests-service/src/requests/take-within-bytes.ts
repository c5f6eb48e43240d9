import type { RequestRecord } from "@sate/contracts";
import { fitting } from "@sate/contracts/runtime";
import type { Within } from "../ports.ts";

/** Takes requests one by one while their payloads fit into `bytesMax`; the first always fits. */
export function openWithin(bytesMax: number, countMax = Number.POSITIVE_INFINITY) {
  const within: Within = { found: new Map(), isCut: false };
  const sizeOf = ({ payload_json }: RequestRecord) => Buffer.byteLength(payload_json);
  const fits = fitting({ itemsMax: countMax, sizeMax: bytesMax, sizeOf });
  return {
    within,
    /** Returns whether it was taken; after the first refusal, stop. */
    take(request: RequestRecord): boolean {
      within.isCut = !fits(request);
      if (!within.isCut) within.found.set(request.id, request);
      return !within.isCut;
    },
  };
}

export function takeWithin(requests: Iterable<RequestRecord>, bytesMax: number): Within {
  const { within, take } = openWithin(bytesMax);
  for (const request of requests) if (!take(request)) break;
  return within;
}
