import { expect, test } from "bun:test";
import { limits } from "@sate/contracts";
import {
  deliveryRetry,
  deliveryTimeoutSeconds,
  isLastTry,
  pauseMs,
} from "../../../src/handlers/webhook/schedule.ts";

const tries = [1, 2, 3, 4, 5, 6, 7];
const hours = 3_600_000;

test("the tries follow after 5 s, 5 min, 30 min, 2 h, 5 h, 10 h and 10 h, with up to a tenth of jitter", () => {
  const seconds = [5, 300, 1_800, 7_200, 18_000, 36_000, 36_000];
  expect(tries.map((ended) => pauseMs(ended, 0, 0) / 1_000)).toEqual(seconds);
  for (const ended of tries)
    expect(pauseMs(ended, 0, 0.999_999)).toBeLessThanOrEqual(pauseMs(ended, 0, 0) * 1.1);
  expect([...tries, 8].map(isLastTry)).toEqual([...tries.map(() => false), true]);
  expect(deliveryRetry.tries).toBe(8);
});

test("a receiver may ask for a longer pause, up to ten hours, and for no shorter one", () => {
  expect(pauseMs(1, 60_000, 0)).toBe(60_000);
  expect(pauseMs(1, 1_000, 0)).toBe(5_000);
  expect(pauseMs(1, 1_000 * hours, 0)).toBe(10 * hours);
  expect(pauseMs(7, 10 * hours, 0)).toBe(10 * hours);
});

test("the deadline of a delivery comes after its last try, whatever its receiver asks for", () => {
  const longest = tries.reduce((sum, ended) => sum + pauseMs(ended, Number.MAX_SAFE_INTEGER, 0.999_999), 0);
  expect(deliveryTimeoutSeconds * 1_000).toBeGreaterThan(longest + 24 * hours);
  expect(deliveryTimeoutSeconds).toBeLessThanOrEqual(limits.timeoutSecondsMax);
});
