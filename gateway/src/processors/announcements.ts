import { limits, type ProcessorRecord } from "@sate/contracts";
import type { Ports } from "../ports.ts";
import { unknownProcessor } from "./unknown.ts";

/** How old an announcement may be: withdrawals and new schemas take effect within this time. */
const freshMs = 1_000;

/**
 * What is known of a processor, at most a second old; concurrent callers share one call. Rejects with the refusal of an
 * unknown processor, which is not remembered, or with `Unavailable`.
 */
export type Announcements = (name: string) => Promise<ProcessorRecord>;

export function createAnnouncements({ requests, monotonic }: Pick<Ports, "requests" | "monotonic">) {
  /** The oldest is first. */
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
