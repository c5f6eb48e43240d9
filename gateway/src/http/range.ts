import { parseInstant } from "./instant.ts";
import type { Refusal } from "./problem-response.ts";

export type Range = { since?: string | undefined; until?: string | undefined };

/**
 * From when to when something was created, in ms since 1970: `since` included, `until` not. Throws what `refuse` makes
 * of a bad field: an instant that does not exist, or a range that is empty.
 */
export function rangeOf(
  { since, until }: Range,
  refuse: (field: keyof Range, detail: string) => Refusal,
): { since?: number; until?: number } {
  const instantOf = (field: keyof Range, text: string): number => {
    const instant = parseInstant(text);
    if (instant !== null) return instant;
    throw refuse(field, `\`${field}\` is not a valid date and time. ${anInstant}`);
  };
  const range = {
    ...(since !== undefined && { since: instantOf("since", since) }),
    ...(until !== undefined && { until: instantOf("until", until) }),
  };
  if (range.since !== undefined && range.until !== undefined && range.since >= range.until) {
    throw refuse("until", "`until` must be later than `since`.");
  }
  return range;
}

export const anInstant = "Send an RFC 3339 timestamp, such as 2030-01-31T09:00:00Z.";
