const form = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:Z|([+-])(\d\d):(\d\d))$/i;

/**
 * An RFC 3339 timestamp in ms since 1970, rounded up so that nothing starts early; `null` if there is no such instant,
 * as in month 13 or on 30 February. Leap seconds are not supported. Instants before 1970 count as the start of 1970.
 * https://www.rfc-editor.org/rfc/rfc3339#section-5.6
 */
export function parseInstant(text: string): number | null {
  const parts = form.exec(text);
  if (parts === null) return null;
  const [year, month, day, hour, minute, second] = parts.slice(1, 7).map(Number) as Six;
  const [, , , , , , , fraction = "", sign, ...offset] = parts;
  const [hours = 0, minutes = 0] = sign === undefined ? [] : offset.map(Number);
  if (hour > 23 || minute > 59 || second > 59 || hours > 23 || minutes > 59) return null;
  const date = new Date(0);
  // `Date.UTC` maps the years 0 to 99 to 1900 to 1999.
  date.setUTCFullYear(year, month - 1, day);
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return null;
  date.setUTCHours(hour, minute, second);
  const ahead = (hours * 60 + minutes) * 60_000 * (sign === "-" ? -1 : 1);
  const instant = date.getTime() + Math.ceil(Number(fraction.padEnd(9, "0")) / 1e6) - ahead;
  return Math.max(0, instant);
}

type Six = [number, number, number, number, number, number];
