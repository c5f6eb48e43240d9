import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { latestInstant, nextInstant, type Rhythm, rhythmProblem } from "../../src/schedules/cron.ts";
import { anyFields, cronOf, daily, firingsBetween } from "./local-time.ts";

const hourMs = 3_600_000;
const iso = (instant: number | null) =>
  instant === null ? null : new Date(instant).toISOString().slice(0, 16);

/** The next instants after `start`. */
function following(rhythm: Rhythm, start: string, count: number): (string | null)[] {
  const found: (string | null)[] = [];
  for (let at: number | null = Date.parse(start); at !== null && found.length < count; ) {
    at = nextInstant(rhythm, at);
    found.push(iso(at));
  }
  return found;
}

/** Around each of these, clocks are set forward or back by an hour, also at midnight; or nothing happens. */
const hourly = [
  ["Europe/Berlin", "2026-03-29T01:00Z"],
  ["Europe/Berlin", "2026-10-25T01:00Z"],
  ["America/New_York", "2026-03-08T07:00Z"],
  ["America/New_York", "2026-11-01T06:00Z"],
  ["America/Santiago", "2026-09-06T04:00Z"],
  ["America/Santiago", "2026-04-05T03:00Z"],
  ["Asia/Kathmandu", "2026-06-01T00:00Z"],
  ["UTC", "2026-12-31T23:00Z"],
] as const;
/** By half an hour, by two. */
const odd = [
  ["Australia/Lord_Howe", "2026-10-03T15:30Z"],
  ["Australia/Lord_Howe", "2026-04-04T15:00Z"],
  ["Antarctica/Troll", "2026-03-29T01:00Z"],
] as const;

const changeOf = ([time_zone, at]: readonly [string, string]) => ({ time_zone, at: Date.parse(at) });
const hourlyChange = fc.constantFrom(...hourly).map(changeOf);
const anyChange = fc.constantFrom(...hourly, ...odd).map(changeOf);
const hoursAround = fc.integer({ min: -6 * 60, max: 6 * 60 }).map((minutes) => minutes * 60_000);

test("around every change of the clocks by an hour it fires exactly as documented", () => {
  fc.assert(
    fc.property(
      fc.oneof(daily, anyFields),
      hourlyChange,
      hoursAround,
      (fields, { time_zone, at }, around) => {
        const start = at + around;
        const end = start + 6 * hourMs;
        const rhythm = { cron: cronOf(fields), time_zone };
        const found: number[] = [];
        for (
          let next = nextInstant(rhythm, start);
          next !== null && next <= end;
          next = nextInstant(rhythm, next)
        )
          found.push(next);
        expect(found.map(iso)).toEqual(firingsBetween(fields, time_zone, [start, end]).map(iso));
      },
    ),
    { numRuns: 200 },
  );
});

test("the next instant is later, on a minute, and the same for every instant before it", () => {
  const anyTime = fc.record({ change: anyChange, after: fc.integer({ min: 0, max: Date.UTC(2100, 0) }) });
  const nearChange = fc
    .tuple(anyChange, hoursAround)
    .map(([change, around]) => ({ change, after: change.at + around }));
  const when = fc.oneof(anyTime, nearChange);
  fc.assert(
    fc.property(
      fc.oneof(daily, anyFields),
      when,
      fc.nat({ max: 1_000 }),
      (fields, { change, after }, part) => {
        const rhythm = { cron: cronOf(fields), time_zone: change.time_zone };
        const next = nextInstant(rhythm, after);
        if (next === null) return;
        expect(next).toBeGreaterThan(after);
        expect(next % 60_000).toBe(0);
        const between = after + Math.floor(((next - 1 - after) * part) / 1_000);
        expect(nextInstant(rhythm, between)).toBe(next);
      },
    ),
    { numRuns: 3_000 },
  );
});

test("the latest instant is the one that no other follows", () => {
  const spans = fc.integer({ min: 0, max: 400 * 24 * 60 }).map((minutes) => minutes * 60_000);
  fc.assert(
    fc.property(anyFields, anyChange, spans, (fields, { time_zone, at }, span) => {
      const rhythm = { cron: cronOf(fields), time_zone };
      const known = nextInstant(rhythm, at);
      if (known === null) return;
      const until = known + span;
      const latest = latestInstant(rhythm, known, until);
      expect(latest).toBeLessThanOrEqual(until);
      expect(nextInstant(rhythm, latest - 1)).toBe(latest);
      expect(nextInstant(rhythm, latest) ?? Number.POSITIVE_INFINITY).toBeGreaterThan(until);
    }),
    { numRuns: 300 },
  );
});

describe("in Berlin", () => {
  const berlin = (cron: string) => ({ cron, time_zone: "Europe/Berlin" });
  const spring = "2026-03-28T22:00Z";
  const autumn = "2026-10-24T22:00Z";

  test("a time that is skipped in spring fires once, an hour later", () => {
    expect(following(berlin("30 2 * * *"), spring, 2)).toEqual(["2026-03-29T01:30", "2026-03-30T00:30"]);
    // Of several that are skipped only the first.
    expect(following(berlin("15,45 2 * * *"), spring, 2)).toEqual(["2026-03-29T01:15", "2026-03-30T00:15"]);
    // If it fires then anyway, that is one firing.
    expect(following(berlin("30 2,3 * * *"), spring, 2)).toEqual(["2026-03-29T01:30", "2026-03-30T00:30"]);
  });

  test("a time that is repeated in autumn fires once, at the first", () => {
    expect(following(berlin("30 2 * * *"), autumn, 2)).toEqual(["2026-10-25T00:30", "2026-10-26T01:30"]);
    expect(following(berlin("*/30 2 * * *"), autumn, 3)).toEqual([
      ...["2026-10-25T00:00", "2026-10-25T00:30", "2026-10-26T01:00"],
    ]);
  });

  test("every hour is every hour on both days", () => {
    const hours = (day: string, from: number) => [0, 1, 2, 3].map((hour) => `${day}T0${from + hour}:00`);
    expect(following(berlin("0 * * * *"), "2026-03-28T23:30Z", 4)).toEqual(hours("2026-03-29", 0));
    expect(following(berlin("0 * * * *"), "2026-10-24T23:30Z", 4)).toEqual(hours("2026-10-25", 0));
  });
});

describe("the check of a cron expression and a time zone", () => {
  const problem = (cron: string, time_zone = "UTC") => rhythmProblem({ cron, time_zone }, 0);

  test("accepts five fields of numbers, names, lists, ranges and steps, and nicknames", () => {
    const valid = ["* * * * *", "0 9 * * MON-FRI", "0 0 1 jan,July *", "*/15 8-18/2 1,15 * 7", "0 0 29 2 *"];
    const nicknames = ["@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"];
    for (const cron of [...valid, ...nicknames]) expect([cron, problem(cron)]).toEqual([cron, null]);
  });

  test("refuses everything else", () => {
    const fields = ["", "* * * *", "* * * * * *", "60 * * * *", "*/0 * * * *", "5-1 * * * *", "-1 * * * *"];
    const foreign = [
      "0 0 L * *",
      "0 0 * * 5#2",
      "? * * * *",
      "H * * * *",
      "@reboot",
      "@every 5m",
      "TZ=UTC * * * * *",
    ];
    for (const cron of [...fields, ...foreign, "\u0661 * * * *", "0\n0 * * *"])
      expect([cron, problem(cron)]).toEqual([cron, "invalid_cron"]);
  });

  test("refuses dates that do not exist", () => {
    for (const cron of ["0 0 30 2 *", "0 0 31 4,6,9,11 *"]) expect(problem(cron)).toBe("never_fires");
    // Either the day of the month or the day of the week is enough.
    expect(problem("0 0 30 2 MON")).toBeNull();
  });

  test("refuses unknown time zones, and offsets", () => {
    const unknown = [
      "Mars/Olympus",
      "+02:00",
      "GMT+5",
      "local",
      " UTC",
      "Europe/Berlin\0",
      "../../etc/localtime",
    ];
    for (const zone of unknown)
      expect([zone, problem("* * * * *", zone)]).toEqual([zone, "unknown_time_zone"]);
    for (const zone of ["UTC", "Europe/Berlin", "Asia/Kathmandu"])
      expect(problem("* * * * *", zone)).toBeNull();
  });
});
