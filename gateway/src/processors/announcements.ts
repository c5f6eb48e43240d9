import { limits, type ProcessorRecord } from "@sate/contracts";
import type { Ports } from "../ports.ts";
import { unknownProcessor } from "./unknown.ts";

/** Maximum age of an announcement: withdrawals and new schemas take effect within this time. */
const freshMs = 1_000;

/**
 * Returns the announcement of a processor, at most a second old. Concurrent callers share one call. Rejects with the
 * refusal of an unknown processor, or with `Unavailable`; neither is cached.
 */
export type Announcements = (name: string) => Promise<ProcessorRecord>;

export function createAnnouncements({ requests, monotonic }: Pick<Ports, "requests" | "monotonic">) {
  /** Oldest first. */
  const known = new Map<string, { since: number; processor: Promise<ProcessorRecord> }>();

  async function ask(name: string): Promise<ProcessorRecord> {
    const found = await requests.getProcessor({ name });
    if (found.kind === "unknown_processor") throw unknownProcessor(found.known);
    return found.processor;
  }

  const announcements: Announcements = (name) => {
    const last = known.get(name);
    const since = monotonic();
    if (last !== undefined && since - last.since < freshMs) return last.processor;
    const entry = { since, processor: ask(name) };
    known.delete(name);
    known.set(name, entry);
    if (known.size > limits.processorsMax) known.delete(known.keys().next().value ?? "");
    entry.processor.catch(() => known.get(name) === entry && known.delete(name));
    return entry.processor;
  };
  return announcements;
}
