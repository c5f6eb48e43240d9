import type { Missed } from "@sate/contracts";
import { latestInstant, nextInstant, type Rhythm } from "./cron.ts";

/** A firing that is later than this was missed. */
export const onTimeMs = 60_000;

/** `fires`: the scheduled instant that fires now, if one does. `next_at`: the next one, if there is one. */
export type Turn = { fires: number | null; next_at: number | undefined };

/**
 * What a schedule does whose `next_at` has come. It passes over what was missed, because no replica ran, the schedule was
 * paused, or the clock jumped. A call handles one firing; if the new `next_at` has come, too, call it again. Pure; `now` is
 * by the clock of the store.
 */
export function turnOf(due: Rhythm & { missed: Missed; next_at: number }, now: number): Turn {
  const lastMissed = now - onTimeMs - 1;
  const after = (instant: number) => nextInstant(due, instant) ?? undefined;
  if (due.next_at > lastMissed) return { fires: due.next_at, next_at: after(due.next_at) };
  if (due.missed === "skip") return { fires: null, next_at: after(lastMissed) };
  const latest = latestInstant(due, due.next_at, lastMissed);
  return { fires: latest, next_at: after(latest) };
}
