import {
  type Admission,
  defaultProcessor,
  isOwnProcessor,
  limits,
  type NewExecution,
  processorNameOf,
} from "@sate/contracts";
import type { Processors } from "../ports.ts";

export type Refusal = Extract<
  Admission,
  { kind: "unknown_processor" | "timeout_too_long" | "start_too_far" | "expires_before_start" }
>;

/**
 * Why an execution that its request would allow may not be created, or `null`: its processor is unknown, its timeout is
 * longer than that of the processor, or its start is too far ahead or after its expiry. The default processor and Sate's
 * own are always known. `now`: by the clock of the store.
 */
export async function refusalOf(
  { timeout_seconds = 0, start_after = 0, expires_in_seconds = Number.POSITIVE_INFINITY }: NewExecution,
  request: { processor?: string | undefined },
  { processors, now }: { processors: Processors; now: number },
): Promise<Refusal | null> {
  const name = processorNameOf(request);
  // Most requests name no processor and ask for nothing: they cost no lookup.
  const isAlwaysKnown = name === defaultProcessor || isOwnProcessor(name);
  const announced = isAlwaysKnown && timeout_seconds === 0 ? undefined : await processors.find(name);
  if (!announced && !isAlwaysKnown) {
    const known = new Set([defaultProcessor, ...(await processors.names())]);
    return { kind: "unknown_processor", known: [...known].toSorted() };
  }
  if (announced && timeout_seconds > announced.timeout_seconds) {
    return { kind: "timeout_too_long", max_seconds: announced.timeout_seconds };
  }
  if (start_after > now + limits.startAheadSecondsMax * 1_000) return { kind: "start_too_far" };
  return start_after >= now + expires_in_seconds * 1_000 ? { kind: "expires_before_start" } : null;
}
