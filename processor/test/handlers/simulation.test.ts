import { expect, test } from "bun:test";
import { simulation } from "../../src/handlers/simulation.ts";
import type { HandlerRun } from "../../src/ports.ts";
import { fakeTime } from "../fakes/time.ts";

function simulated(processingMs: number, forceError = false) {
  const time = fakeTime();
  const controller = new AbortController();
  const run = { forceError, signal: controller.signal } as HandlerRun;
  return { time, controller, end: simulation({ processingMs, time })(run) };
}

test("takes its time, then returns a pong", async () => {
  const { time, end } = simulated(1_000);
  await time.advance(999);
  expect(Bun.peek.status(end)).toBe("pending");
  await time.advance(1);
  expect(await end).toEqual({ kind: "succeeded", outputsJson: '{"message":"pong"}' });
});

test("fails with force_error, without a timer when it takes no time", async () => {
  const { time, end } = simulated(0, true);
  expect(time.timers).toBe(0);
  expect(await end).toMatchObject({ kind: "failed", error: { code: "forced_error" } });
});

test("ends at once when it is aborted, and leaves no timer", async () => {
  const { time, controller, end } = simulated(3_600_000);
  controller.abort();
  await end;
  expect(time.timers).toBe(0);
});
