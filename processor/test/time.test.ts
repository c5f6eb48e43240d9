import { afterEach, beforeEach, expect, jest, test } from "bun:test";
import { systemTime } from "../src/time.ts";

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

const dayMs = 86_400_000;

test("a timer of thirty days fires after thirty days, not at once", () => {
  let ended = 0;
  systemTime.after(30 * dayMs, () => ended++);
  jest.advanceTimersByTime(30 * dayMs - 1);
  expect(ended).toBe(0);
  jest.advanceTimersByTime(1);
  expect(ended).toBe(1);
});

test("a cancelled timer never fires, whenever it is cancelled", () => {
  let ended = 0;
  const cancel = systemTime.after(30 * dayMs, () => ended++);
  jest.advanceTimersByTime(29 * dayMs);
  cancel();
  jest.advanceTimersByTime(40 * dayMs);
  expect(ended).toBe(0);
});
