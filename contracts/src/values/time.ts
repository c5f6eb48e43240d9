import { Type } from "@sinclair/typebox";

/** Timestamps on the wire: UTC, microseconds, in the original's format `2020-11-07 16:31:58.103057`. */
export const timestampPattern = "^\\d{4}-\\d{2}-\\d{2} \\d{2}:\\d{2}:\\d{2}\\.\\d{6}$";

export const Timestamp = Type.String({
  pattern: timestampPattern,
  maxLength: 26,
  description: "A time in UTC with microseconds, such as 2020-11-07 16:31:58.103057.",
});

/** An instant with a time zone, as clients send it. https://www.rfc-editor.org/rfc/rfc3339#section-5.6 */
export const instantPattern =
  "^\\d{4}-\\d{2}-\\d{2}[Tt]\\d{2}:\\d{2}:\\d{2}(\\.\\d{1,9})?([Zz]|[+-]\\d{2}:\\d{2})$";

/** `epochMs` (may have a fraction) as a timestamp on the wire. */
export function formatTimestamp(epochMs: number): string {
  const micros = Math.floor((epochMs - Math.floor(epochMs)) * 1000);
  const iso = new Date(Math.floor(epochMs)).toISOString();
  return `${iso.slice(0, 10)} ${iso.slice(11, 23)}${String(micros).padStart(3, "0")}`;
}
