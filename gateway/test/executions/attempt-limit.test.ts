import { expect, test } from "bun:test";
import { createAttemptLimit } from "../../src/executions/attempt-limit.ts";

/** How many of `count` attempts at the same instant are within the limit. */
function within(limit: ReturnType<typeof createAttemptLimit>, request: string, now: number, count: number) {
  return Array.from({ length: count }, () => limit(request, now)).filter((waitMs) => waitMs === 0).length;
}

test("100 attempts at once and then one a second are allowed; refused ones do not count", () => {
  const limit = createAttemptLimit();
  expect(within(limit, "a", 5_000, 150)).toBe(100);
  expect(limit("a", 5_000)).toBe(1_000);
  expect(limit("a", 5_999.5)).toBe(0.5);
  expect(within(limit, "a", 6_000, 10)).toBe(1);
  expect(within(limit, "a", 16_000, 50)).toBe(10);
});

test("the burst refills completely, and no further", () => {
  const limit = createAttemptLimit();
  for (const now of [0, 100_000, 100_000_000]) expect(within(limit, "a", now, 1_000)).toBe(100);
});

test("beyond its capacity the least recently used request is forgotten", () => {
  const limit = createAttemptLimit({ burst: 1, requestsMax: 3 });
  for (const request of ["a", "b", "c"]) expect(limit(request, 0)).toBe(0);
  expect(limit("a", 1_000)).toBe(0);
  expect(limit("d", 1_000)).toBe(0);
  expect(["a", "c", "d"].map((request) => limit(request, 1_000))).toEqual([1_000, 0, 1_000]);
  expect(limit("b", 1_000)).toBe(0);
});
