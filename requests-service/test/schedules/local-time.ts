import fc from "fast-check";

/** What cron and time zones mean, written down a second time: minute by minute, with the calendar of `Intl`. */

const minuteMs = 60_000;

/** Five fields, each as its text and the set of its values. `*` has all of them. */
export type Fields = { text: string; values: Set<number> }[];

const ranges = [
  [0, 59],
  [0, 23],
  [1, 31],
  [1, 12],
  [0, 6],
] as const;

const from = (first: number, last: number, step = 1) =>
  Array.from({ length: Math.floor((last - first) / step) + 1 }, (_, index) => first + index * step);

function field([first, last]: readonly [number, number]): fc.Arbitrary<Fields[number]> {
  const value = fc.integer({ min: first, max: last });
  return fc.oneof(
    fc.constant({ text: "*", values: new Set(from(first, last)) }),
    fc.uniqueArray(value, { minLength: 1, maxLength: 4 }).map((all) => {
      return { text: all.join(","), values: new Set(all) };
    }),
    fc.tuple(value, value).map(([a, b]) => {
      const [low, high] = [Math.min(a, b), Math.max(a, b)];
      return { text: `${low}-${high}`, values: new Set(from(low, high)) };
    }),
    fc.integer({ min: 1, max: last }).map((step) => {
      return { text: `*/${step}`, values: new Set(from(first, last, step)) };
    }),
  );
}

/** Expressions that fire on every day, at any time of it. */
export const daily: fc.Arbitrary<Fields> = fc.tuple(...ranges.map(field)).map(([minute, hour]) => {
  const everyDay = ranges
    .slice(2)
    .map(([first, last]) => ({ text: "*", values: new Set(from(first, last)) }));
  return [minute, hour, ...everyDay] as Fields;
});
export const anyFields: fc.Arbitrary<Fields> = fc.tuple(...ranges.map(field)).map((all) => all as Fields);
export const cronOf = (fields: Fields) => fields.map(({ text }) => text).join(" ");

/** Local times are numbers here: the instant at which UTC shows the same. */
const formats = new Map<string, Intl.DateTimeFormat>();
export function localOf(time_zone: string, instant: number): number {
  const format =
    formats.get(time_zone) ??
    new Intl.DateTimeFormat("en", {
      ...{ timeZone: time_zone, hourCycle: "h23", year: "numeric", month: "numeric", day: "numeric" },
      ...{ hour: "numeric", minute: "numeric" },
    });
  formats.set(time_zone, format);
  const part = Object.fromEntries(
    format.formatToParts(instant).map(({ type, value }) => [type, Number(value)]),
  );
  const { year = 0, month = 0, day = 0, hour = 0, minute = 0 } = part;
  return Date.UTC(year, month - 1, day, hour, minute);
}

function matches(fields: Fields, local: number): boolean {
  const date = new Date(local);
  const has = (index: number, value: number) => fields[index]?.values.has(value) === true;
  const isAny = (index: number) => fields[index]?.text === "*";
  const isTime = has(0, date.getUTCMinutes()) && has(1, date.getUTCHours()) && has(3, date.getUTCMonth() + 1);
  const [isDay, isWeekday] = [has(2, date.getUTCDate()), has(4, date.getUTCDay())];
  return isTime && (isAny(2) || isAny(4) ? isDay && isWeekday : isDay || isWeekday);
}

/** All instants after `start` and up to `end` at which it fires, as README and guarantees promise. */
export function firingsBetween(fields: Fields, time_zone: string, [start, end]: [number, number]): number[] {
  const isInterval = fields[0]?.values.size === 60 || fields[1]?.values.size === 24;
  const found = new Set<number>();
  // From before the start, to know which local times have been.
  const begin = start - 180 * minuteMs;
  let latestLocal = localOf(time_zone, begin);
  for (let instant = begin + minuteMs; instant <= end; instant += minuteMs) {
    const local = localOf(time_zone, instant);
    const skipped = local - latestLocal - minuteMs;
    if (skipped > 0) {
      // The clocks were set forward.
      for (let late = 0; late < skipped; late += minuteMs) {
        if (!matches(fields, local - skipped + late)) continue;
        found.add(instant + late);
        break;
      }
    }
    const isRepeated = local <= latestLocal;
    if (matches(fields, local) && (!isRepeated || isInterval)) found.add(instant);
    latestLocal = Math.max(latestLocal, local);
  }
  return [...found].filter((instant) => instant > start && instant <= end).toSorted((a, b) => a - b);
}
