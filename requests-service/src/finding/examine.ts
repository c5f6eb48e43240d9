import { limits } from "@sate/contracts";
import type { Slice } from "./port.ts";

type Wanted<Entry> = Pick<Slice, "from" | "below"> & {
  /** The maximum number of entries that are found. */
  limit: number;
  matches: (entry: Entry) => boolean;
};

/**
 * The first entries of an index that match. Examines at most `limits.examinedMax` entries, so it may find fewer than
 * there are. `next`: the last id that was examined, if there may be more below it.
 *
 * It reads just enough for a full page at first, then more and more at a time: where most entries match, little is read in
 * vain, and where few do, the number of reads stays small.
 */
export async function examine<Entry extends { id: string }>(
  read: (slice: Slice) => Promise<Entry[]>,
  { from, below, limit, matches }: Wanted<Entry>,
): Promise<{ found: Entry[]; next?: string }> {
  const found: Entry[] = [];
  let last = below;
  let left = limits.examinedMax;
  for (let count = limit + 1; left > 0; count *= 4) {
    const wanted = Math.min(count, left);
    const entries = await read({ from, below: last, limit: wanted });
    for (const entry of entries) {
      if (matches(entry)) {
        if (found.length === limit) return { found, next: last };
        found.push(entry);
      }
      last = entry.id;
    }
    if (entries.length < wanted) return { found };
    left -= wanted;
  }
  return { found, next: last };
}
