import { describe, expect, test } from "bun:test";
import type { Missed } from "@sate/contracts";
import fc from "fast-check";
import { nextInstant, nextInstants } from "../../src/schedules/cron.ts";
import { onTimeMs, turnOf } from "../../src/schedules/turn.ts";

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const at = (time: string) => Date.parse(`2026-05-04T${time}Z`);
const iso = (instant: number | null | undefined) =>
  instant === null || instant === undefined ? instant : new Date(instant).toISOString().slice(11, 16);

function turn(cron: string, missed: Missed, [due, now]: [string, string]) {
  const { fires, next_at } = turnOf({ cron, time_zone: "UTC", missed, next_at: at(due) }, at(now));
  return [iso(fires), iso(next_at)];
}

describe.each(["skip", "last"] as const)("with missed: %s", (missed) => {
  test("a firing that is at most a minute late happens, and the next one is that after it", () => {
    expect(turn("0 * * * *", missed, ["10:00", "10:00:00.000"])).toEqual(["10:00", "11:00"]);
    expect(turn("0 * * * *", missed, ["10:00", "10:01:00.000"])).toEqual(["10:00", "11:00"]);
    expect(turn("* * * * *", missed, ["10:00", "10:01:00.000"])).toEqual(["10:00", "10:01"]);
  });
});

test("skip: what is later than that does not happen", () => {
  expect(turn("0 * * * *", "skip", ["10:00", "10:01:00.001"])).toEqual([null, "11:00"]);
  expect(turn("0 * * * *", "skip", ["04:00", "10:00:30"])).toEqual([null, "10:00"]);
  expect(turn("* * * * *", "skip", ["04:00", "10:00:30"])).toEqual([null, "10:00"]);
});

test("last: only the latest of them happens, late", () => {
  expect(turn("0 * * * *", "last", ["10:00", "10:01:00.001"])).toEqual(["10:00", "11:00"]);
  expect(turn("0 * * * *", "last", ["04:00", "10:30"])).toEqual(["10:00", "11:00"]);
  // That of 10:00 is on time: it follows.
  expect(turn("* * * * *", "last", ["04:00", "10:00:30"])).toEqual(["09:59", "10:00"]);
});

const crons = fc.constantFrom(
  "* * * * *",
  "*/7 * * * *",
  "0 * * * *",
  "30 2 * * *",
  "0 9 * * MON-FRI",
  "15 */3 * * *",
);
const zones = fc.constantFrom("UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu");
/** Around the change of clocks in both zones that have one. */
const start = fc.integer({ min: Date.UTC(2026, 2, 7), max: Date.UTC(2026, 2, 30) });
/** From one look of a sweep to the next: mostly a second, or longer, or the clock jumps by an hour. */
const steps = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.integer({ min: 500, max: 40_000 }) },
    { weight: 2, arbitrary: fc.integer({ min: minuteMs, max: 5 * hourMs }) },
    { weight: 1, arbitrary: fc.constantFrom(hourMs, -hourMs) },
  ),
  { minLength: 1, maxLength: 30 },
);

/** Every look at the clock, and what fires then. */
function play(rhythm: { cron: string; time_zone: string; missed: Missed }, from: number, waits: number[]) {
  let now = from;
  let next_at = nextInstant(rhythm, from) as number;
  const looks: { now: number; fired: number[] }[] = [{ now, fired: [] }];
  for (const wait of waits) {
    now += wait;
    const fired: number[] = [];
    while (next_at <= now) {
      const { fires, next_at: next } = turnOf({ ...rhythm, next_at }, now);
      if (fires !== null) fired.push(fires);
      next_at = next as number;
    }
    looks.push({ now, fired });
  }
  return looks;
}

test("no clock and no pause makes an instant fire twice, early, or against the order", () => {
  fc.assert(
    fc.property(
      crons,
      zones,
      fc.constantFrom("skip", "last"),
      start,
      steps,
      (cron, time_zone, missed, from, waits) => {
        let last = from;
        for (const { now, fired } of play({ cron, time_zone, missed }, from, waits)) {
          for (const instant of fired) {
            expect(instant).toBeGreaterThan(last);
            expect(instant).toBeLessThanOrEqual(now);
            expect(nextInstant({ cron, time_zone }, instant - 1)).toBe(instant);
            last = instant;
          }
        }
      },
    ),
    { numRuns: 200 },
  );
});

test("whatever is seen within a minute fires; of the rest, `skip` fires none and `last` the latest", () => {
  const forward = steps.map((waits) => waits.map(Math.abs));
  fc.assert(
    fc.property(
      crons,
      zones,
      fc.constantFrom("skip", "last"),
      start,
      forward,
      (cron, time_zone, missed, from, waits) => {
        const looks = play({ cron, time_zone, missed }, from, waits);
        for (const [index, { now, fired }] of looks.entries()) {
          const since = looks[index - 1]?.now ?? now;
          const passed = nextInstants({ cron, time_zone }, since, 400).filter((instant) => instant <= now);
          const late = passed.filter((instant) => now - instant > onTimeMs);
          const expected = [...(missed === "last" ? late.slice(-1) : []), ...passed.slice(late.length)];
          expect(fired).toEqual(expected);
        }
      },
    ),
    { numRuns: 50 },
  );
});
