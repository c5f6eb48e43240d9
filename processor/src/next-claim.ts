import { limits } from "@sate/contracts";

/** What to ask of the database next. */
export type NextClaim = { kind: "hints"; count: number } | { kind: "any"; limit: number } | null;

/** Unheard for so long, a processor with room asks for anything that is queued. */
export const askQuietMs = 1_000;
/** And every so often even if it hears a lot: some executions have no record any more that could be heard. */
export const askAlwaysMs = 5_000;

/**
 * Pure. Hints come first, for they were heard a moment ago. Anything is asked for
 *
 * - when the hints have run dry and there is reason to think that more is queued (`mayBeMore`): hints had to
 *   be dropped, a claim was cut short because payloads are large, or the last such claim gave as many as it asked for;
 * - when no claim has given a run for a second, nor anything was asked for;
 * - every five seconds in any case, so that what only the database knows of does not starve beside a steady
 *   stream of records.
 *
 * `jitter` (1 to 1.5) stretches the two times, so that processors do not ask in step.
 */
export function nextClaim(state: {
  room: number;
  hints: number;
  mayBeMore: boolean;
  sinceGainMs: number;
  sinceAskMs: number;
  jitter: number;
}): NextClaim {
  const { room, hints, mayBeMore, sinceGainMs, sinceAskMs, jitter } = state;
  const limit = Math.min(room, limits.claimMax);
  if (limit < 1) return null;
  if (sinceAskMs >= askAlwaysMs * jitter) return { kind: "any", limit };
  if (hints > 0) return { kind: "hints", count: Math.min(hints, limit) };
  const isQuiet = Math.min(sinceGainMs, sinceAskMs) >= askQuietMs * jitter;
  return mayBeMore || isQuiet ? { kind: "any", limit } : null;
}
