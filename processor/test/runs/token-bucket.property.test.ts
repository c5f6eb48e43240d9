import { expect, test } from "bun:test";
import fc from "fast-check";
import { createTokenBucket } from "../../src/runs/token-bucket.ts";

const minuteMs = 60_000;
const rates = fc.integer({ min: 1, max: 3_000 });

/** Starts whatever may start at each of these moments. Returns when each start was. */
function startsAt(perMinute: number, pausesMs: number[]): number[] {
  const bucket = createTokenBucket(perMinute, 0);
  const starts: number[] = [];
  let now = 0;
  for (const pauseMs of pausesMs) {
    for (let left = bucket.available(now); left > 0; left--) {
      bucket.take(now);
      starts.push(now);
    }
    now += pauseMs;
  }
  return starts;
}

test("no minute has more starts than allowed, whenever they are requested", () => {
  const pauses = fc.array(
    fc.oneof(fc.double({ min: 0, max: 500, noNaN: true }), fc.integer({ max: 9e4, min: 0 })),
  );
  fc.assert(
    fc.property(rates, pauses, (perMinute, pausesMs) => {
      const starts = startsAt(perMinute, pausesMs);
      for (const [index, start] of starts.entries()) {
        const next = starts[index + perMinute] ?? Number.POSITIVE_INFINITY;
        expect(next - start).toBeGreaterThanOrEqual(minuteMs - 0.001);
      }
    }),
  );
});

test("polling every 200 ms uses at least 99% of the allowed starts", () => {
  fc.assert(
    fc.property(rates, (perMinute) => {
      const minutes = 10;
      const starts = startsAt(perMinute, Array<number>((minutes * minuteMs) / 200 + 1).fill(200));
      expect(starts.length).toBeGreaterThanOrEqual(Math.floor(perMinute * minutes * 0.99));
    }),
    { numRuns: 30 },
  );
});

test("the first run may start at once, and a token that is taken early delays later starts", () => {
  const bucket = createTokenBucket(60, 0);
  expect(bucket.available(0)).toBe(1);
  bucket.take(0);
  bucket.take(0);
  expect(bucket.available(1_000)).toBe(0);
  expect(bucket.available(2_000)).toBe(1);
});
