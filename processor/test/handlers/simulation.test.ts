import { expect, test } from "bun:test";
import { simulation } from "../../src/handlers/simulation.ts";
import type { HandlerRun } from "../../src/ports.ts";
import { turns } from "../eventually.ts";
import { fakeTime } from "../fakes/time.ts";

const runOf = (forceError = false) => {
  const controller = new AbortController();
  return { run: { forceError, signal: controller.signal } as HandlerRun, controller };
};

test("takes its time, then returns a pong", async () => {
  const time = fakeTime();
  let isOver = false;
  const answer = simulation({ processingMs: 1_000, time })(runOf().run).finally(() => {
    isOver = true;
  });
  await time.advance(999);
  expect(isOver).toBe(false);
  await time.advance(1);
  expect(await answer).toEqual({ kind: "succeeded", outputsJson: '{"message":"pong"}' });
});

test("fails with force_error, without a timer when it takes no time", async () => {
  const time = fakeTime();
  const answer = simulation({ processingMs: 0, time })(runOf(true).run);
  expect(time.timers).toBe(0);
  expect(await answer).toMatchObject({ kind: "failed", error: { code: "forced_error" } });
});

test("ends at once when it is aborted, and leaves no timer", async () => {
  const time = fakeTime();
  const { run, controller } = runOf();
  const answer = simulation({ processingMs: 3_600_000, time })(run);
  controller.abort();
  await answer;
  await turns();
  expect(time.timers).toBe(0);
});
