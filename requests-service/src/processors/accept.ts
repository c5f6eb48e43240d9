import { defaultProcessor, limits, type ProcessorAnnouncement } from "@sate/contracts";
import type { KnownProcessor } from "./port.ts";

type Announced = Pick<KnownProcessor, "announcement" | "bytes">;

/**
 * Decides which of a worker's announcements are stored, in their order: as many as keep all known processors within
 * `limits.processorsMax` and `limits.processorsBytesMax`. Withdrawn ones count until they are forgotten, and the
 * simulation always counts. Of two announcements of one name the last is used. `refused`: the names of the others. Pure.
 */
export function acceptAnnouncements(
  wanted: ProcessorAnnouncement[],
  known: KnownProcessor[],
): { accepted: Announced[]; refused: string[] } {
  const bytesOf = new Map([[defaultProcessor, 0]]);
  for (const { announcement, bytes } of known) bytesOf.set(announcement.name, bytes);
  let sum = known.reduce((all, { bytes }) => all + bytes, 0);
  const accepted: Announced[] = [];
  const refused: string[] = [];
  for (const announcement of new Map(wanted.map((one) => [one.name, fieldsOf(one)])).values()) {
    const { name } = announcement;
    const bytes = Buffer.byteLength(JSON.stringify(announcement));
    const sumThen = sum - (bytesOf.get(name) ?? 0) + bytes;
    const isOneMore = !bytesOf.has(name);
    if (sumThen > limits.processorsBytesMax || (isOneMore && bytesOf.size >= limits.processorsMax)) {
      refused.push(name);
      continue;
    }
    sum = sumThen;
    bytesOf.set(name, bytes);
    accepted.push({ announcement, bytes });
  }
  return { accepted, refused };
}

/** Field by field: bodies are open, and unknown fields are not stored. */
function fieldsOf(announcement: ProcessorAnnouncement): ProcessorAnnouncement {
  const { name, kind, version, input_json, timeout_seconds, retry } = announcement;
  const { concurrency, max_per_minute, memory_mib } = announcement;
  return {
    ...{ name, kind, timeout_seconds },
    ...(version !== undefined && { version }),
    ...(input_json !== undefined && { input_json }),
    ...(concurrency !== undefined && { concurrency }),
    ...(max_per_minute !== undefined && { max_per_minute }),
    ...(memory_mib !== undefined && { memory_mib }),
    ...(retry && { retry: retryOf(retry) }),
  };
}

function retryOf({ tries, first_seconds, max_seconds }: NonNullable<ProcessorAnnouncement["retry"]>) {
  return { tries, first_seconds, max_seconds };
}
