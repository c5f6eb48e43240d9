import { expect, test } from "bun:test";
import { retentionPauseMs } from "../../src/runtime/index.ts";

test.each([
  [1e-9, 1_000],
  [5_000, 5_000],
  [86_400_000, 60_000],
])("what is kept for %p ms is looked at every %p ms: never in a loop without pauses", (keptMs, pauseMs) => {
  expect(retentionPauseMs(keptMs)).toBe(pauseMs);
});
