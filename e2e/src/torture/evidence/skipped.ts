import type { End, Position } from "../../system/kafka.ts";

/**
 * Partitions, by `topic/partition`, whose committed offsets are no proof: the group may not have read the records below
 * the offset `below`, although it has committed a higher one. A committed offset lower than `oldFrom` proves that the
 * group has started over on a recreated topic.
 */
export type Skipped = Map<string, { below: number; oldFrom: number }>;

export const placeOf = ({ topic, partition }: { topic: string; partition: number }) =>
  `${topic}/${partition}`;

/** Notes that a group is about to be moved to the end of these partitions. */
export function skipToEnd(skipped: Skipped, ends: End[]): void {
  for (const one of ends) skip(skipped, one, 0);
}

/**
 * Notes that the topic of these partitions is about to be deleted and recreated. The committed offsets of its group
 * count records of the old topic until the group starts over, or continues beyond the old end.
 */
export function skipOldTopic(skipped: Skipped, positions: Position[]): void {
  for (const one of positions) skip(skipped, one, one.committed);
}

/** If the topic was recreated before, the group may still be at an offset of an even older one. */
function skip(skipped: Skipped, one: End, oldFrom: number): void {
  const below = Math.max(one.high, skipped.get(placeOf(one))?.below ?? 0);
  skipped.set(placeOf(one), { below, oldFrom });
}

/**
 * Removes the partitions whose groups have started over. `before` is a copy of `skipped` that was made before the
 * positions were read, because these prove nothing about a topic that was recreated in the meantime.
 */
export function endSkips(skipped: Skipped, before: Skipped, positions: Position[]): void {
  for (const one of positions) {
    const place = placeOf(one);
    const noted = before.get(place);
    if (noted === undefined || skipped.get(place) !== noted) continue;
    if (one.committed >= 0 && one.committed < noted.oldFrom) skipped.delete(place);
  }
}
