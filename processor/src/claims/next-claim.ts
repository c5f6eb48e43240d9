import { limits } from "@sate/contracts";

/** What to claim next: executions that wake-ups named, or whatever is queued. */
export type NextClaim = { kind: "named"; count: number } | { kind: "any"; limit: number } | null;

/** A processor with spare capacity polls when it has gained nothing for this long. */
const pollIdleMs = 1_000;
/** It polls this often in any case, because some executions have no record left that could wake a processor. */
const pollAlwaysMs = 5_000;

/**
 * Decides the next claim, of what the processors with room (`room` together) are waiting for. Pure. Wake-ups come
 * first, as they are recent. Whatever is queued is claimed
 *
 * - when there are no wake-ups left but probably more queued executions (`mayBeMore`): wake-ups were dropped, the
 *   response to a claim was cut short by large payloads, or the last poll returned as much as it asked for;
 * - when neither a claim has brought a run nor a poll been made for a second;
 * - every five seconds in any case, so that a steady stream of records does not starve what only the database knows.
 *
 * `jitter` (1 to 1.5) stretches both times, so that processors do not poll in step.
 */
export function nextClaim(state: {
  room: number;
  wakeUps: number;
  mayBeMore: boolean;
  sinceGainMs: number;
  sincePollMs: number;
  jitter: number;
}): NextClaim {
  const { room, wakeUps, mayBeMore, sinceGainMs, sincePollMs, jitter } = state;
  const limit = Math.min(room, limits.claimMax);
  if (limit < 1) return null;
  if (sincePollMs >= pollAlwaysMs * jitter) return { kind: "any", limit };
  if (wakeUps > 0) return { kind: "named", count: Math.min(wakeUps, limit) };
  const isIdle = Math.min(sinceGainMs, sincePollMs) >= pollIdleMs * jitter;
  return mayBeMore || isIdle ? { kind: "any", limit } : null;
}
