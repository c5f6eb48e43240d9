/** When a schedule fires: a cron expression, read in a time zone. */
export type Rhythm = { cron: string; time_zone: string };

/**
 * - invalid_cron: not five fields (minute, hour, day of month, month, day of week) of numbers, names, `*`, lists, ascending
 *   ranges and steps, and not a nickname such as `@daily`.
 * - unknown_time_zone: not in the IANA time zone database.
 * - never_fires: there is no such date, such as 30 February.
 */
export type RhythmProblem = "invalid_cron" | "unknown_time_zone" | "never_fires";

/** Why these cannot be the cron expression and the time zone of a schedule, or `null`. Pure; `now` is ms since 1970. */
export function rhythmProblem({ cron, time_zone }: Rhythm, now: number): RhythmProblem | null {
  if (!isValid({ cron: "* * * * *", time_zone })) return "unknown_time_zone";
  if (!isValid({ cron, time_zone })) return "invalid_cron";
  return nextInstant({ cron, time_zone }, now) === null ? "never_fires" : null;
}

/**
 * The longest change of any clocks. `Bun.cron.parse` forgets a time that a change has delayed if it starts after the
 * change, so each search starts this much earlier.
 */
const changeMsMax = 2 * 3_600_000;

/**
 * The first instants after `after` at which it fires, in ms since 1970: `count` of them, or fewer if there are no more.
 * It never throws for a rhythm without a problem. Pure: every process computes the same.
 *
 * Where clocks are set forward, the local times that are skipped fire once: the first of them, later by the length of the
 * change. Where clocks are set back, a local time that is repeated fires at its first occurrence only; but an expression
 * with every minute or every hour stands for an interval, and fires at both. https://bun.com/docs/runtime/cron
 */
export function nextInstants({ cron, time_zone }: Rhythm, after: number, count: number): number[] {
  const found: number[] = [];
  let at = after - changeMsMax;
  while (found.length < count) {
    const next = Bun.cron.parse(cron, at, { tz: time_zone });
    if (next === null) break;
    at = next.getTime();
    if (at > after) found.push(at);
  }
  return found;
}

/** The first of them; `null` if there is none. */
export function nextInstant(rhythm: Rhythm, after: number): number | null {
  return nextInstants(rhythm, after, 1)[0] ?? null;
}

/** The last instant at which it fires up to `until`, given that it fires at `known`, which is at most `until`. */
export function latestInstant(rhythm: Rhythm, known: number, until: number): number {
  let found = known;
  let end = until;
  // `nextInstant` never decreases, so the search can halve its range: a year of minutes takes about 35 steps.
  while (found < end) {
    const middle = Math.floor((found + end) / 2);
    const next = nextInstant(rhythm, middle);
    if (next !== null && next <= until) found = next;
    else end = middle;
  }
  return found;
}

function isValid({ cron, time_zone }: Rhythm): boolean {
  try {
    Bun.cron.parse(cron, 0, { tz: time_zone });
    return true;
  } catch {
    return false;
  }
}
