import { type DeadLetterDocument, type DeadLetterPosition, limits } from "@sate/contracts";
import type { DeadLetterQuery } from "./port.ts";

/** An entry of the index that is examined. It has a reason if that must be compared. */
export type Examined = Pick<DeadLetterDocument, "_id" | "time"> & Partial<Pick<DeadLetterDocument, "reason">>;

/**
 * Besides the time, an index covers one filter: the processor if one is given, otherwise the reason. If both are given,
 * the entries of the processor are read, and their reasons compared.
 */
export function comparesReason({ reason, processor }: DeadLetterQuery): boolean {
  return reason !== undefined && processor !== undefined;
}

/** How many entries of the index to examine. */
export function entriesToExamine(query: DeadLetterQuery): number {
  return comparesReason(query) ? limits.examinedMax : query.limit + 1;
}

/** The ids of a page, from the examined entries, newest first, and where the list continues. */
export function pageOfExamined(
  examined: Examined[],
  query: DeadLetterQuery,
): { ids: string[]; next?: DeadLetterPosition } {
  const matching = comparesReason(query)
    ? examined.filter(({ reason }) => reason === query.reason)
    : examined;
  const taken = matching.slice(0, query.limit);
  const isCut = matching.length > taken.length;
  const last = isCut ? taken.at(-1) : examined.at(-1);
  const isLast = !isCut && examined.length < entriesToExamine(query);
  const ids = taken.map(({ _id }) => _id);
  return last === undefined || isLast ? { ids } : { ids, next: { time: last.time, id: last._id } };
}
