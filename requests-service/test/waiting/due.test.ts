import { expect, test } from "bun:test";
import { deadlineOf, due, isClaimable, wakeAt } from "../../src/waiting/due.ts";

/** Every order of the instants, before, at and after now. */
const instants = [undefined, 1, 2, 3];
const waiting = [0, 1].flatMap((epoch) =>
  instants.flatMap((start_after) =>
    instants.flatMap((expires_at) =>
      instants.map((deadline_at) => ({ epoch, start_after, expires_at, deadline_at })),
    ),
  ),
);
const nows = [0, 1, 2, 3, 4];

test("something is due exactly from the earliest instant on", () => {
  for (const execution of waiting) {
    const earliest = wakeAt(execution) ?? Number.POSITIVE_INFINITY;
    for (const now of nows) {
      const isDue = due(execution, now) !== null;
      expect([execution, now, isDue]).toEqual([execution, now, now >= earliest]);
    }
  }
});

test("a deadline that has passed decides first, then an expiry, then the start", () => {
  const has = (instant: number | undefined, now: number) => instant !== undefined && instant <= now;
  for (const execution of waiting) {
    for (const now of nows) {
      const isExpired = execution.epoch === 0 && has(execution.expires_at, now);
      const start = has(execution.start_after, now) ? "wake" : null;
      const what = has(execution.deadline_at, now) ? "timeout" : isExpired ? "expired" : start;
      expect([execution, now, due(execution, now)]).toEqual([execution, now, what]);
    }
  }
});

test("an execution that was woken is due for nothing until its next instant", () => {
  for (const execution of waiting) {
    for (const now of nows.filter((one) => due(execution, one) === "wake")) {
      const awake = { ...execution, start_after: undefined };
      expect(due(awake, now)).toBeNull();
      expect(wakeAt(awake) ?? Number.POSITIVE_INFINITY).toBeGreaterThan(now);
      expect(isClaimable({ ...awake, status: "queued" }, now)).toBe(true);
    }
  }
});

test("only a queued execution that neither waits nor is over may be claimed", () => {
  for (const execution of waiting) {
    for (const now of nows) {
      const mayStart = execution.start_after === undefined && due(execution, now) === null;
      expect(isClaimable({ ...execution, status: "queued" }, now)).toBe(mayStart);
      for (const status of ["running", "succeeded", "failed", "dead_lettered", "cancelled"] as const) {
        expect(isClaimable({ ...execution, status }, now)).toBe(false);
      }
    }
  }
});

test.each([
  ["the processor's, where the client asked for none", {}, 2, 12_000],
  ["the client's, where that is shorter", { timeout_seconds: 0.5 }, 2, 10_500],
  ["the processor's, where the client's is longer", { timeout_seconds: 9 }, 2, 12_000],
  ["whole ms", { timeout_seconds: 0.0001 }, 2, 10_001],
  ["that of the first claim, for all later ones", { timeout_seconds: 0.5, deadline_at: 10_100 }, 2, 10_100],
  [
    "no later than a first claim would make it, if the clock was set back",
    { deadline_at: 3_610_000 },
    2,
    12_000,
  ],
])("the deadline is %s", (_, execution, timeoutSeconds, deadline) => {
  expect(deadlineOf(execution, timeoutSeconds, 10_000)).toBe(deadline);
});
