import { expect, test } from "bun:test";
import type { Run } from "@sate/contracts";
import { type Beginning, graceMs, perform } from "../src/perform.ts";
import { createLog } from "../src/runtime/log.ts";
import { createCounters } from "../src/runtime/metrics.ts";
import { heldHandler } from "./fakes/handlers.ts";
import { fakeTime } from "./fakes/time.ts";

const run = { execution_id: "e", request_id: "r", attempt: 1, epoch: 1, payload_json: "1" } as Run;

function performing(beginning: Partial<Beginning> = {}, listens = true) {
  const time = fakeTime();
  const held = heldHandler({ listens });
  const parts = {
    handlers: { default: held.handler },
    time,
    newId: () => Bun.randomUUIDv7(),
    executionMs: 10_000,
    counters: createCounters(),
    log: createLog("processor", "error", () => {}),
  };
  const whole = { earlier: undefined, mayBegin: () => true, ...beginning };
  return { time, held, ...perform(run, "w", whole, parts) };
}

test("a run that may not begin at the last moment does not, and has no outcome", async () => {
  const earlier = Promise.withResolvers<void>();
  let mayBegin = true;
  const { held, ended } = performing({ earlier: earlier.promise, mayBegin: () => mayBegin });
  mayBegin = false;
  earlier.resolve();
  expect(await ended).toBeNull();
  expect(held.runs).toHaveLength(0);
});

test("a run that is cancelled while it waits does not begin, and is cancelled", async () => {
  const earlier = Promise.withResolvers<void>();
  const { held, ended, abort } = performing({ earlier: earlier.promise });
  abort("cancelled");
  earlier.resolve();
  expect(await ended).toMatchObject({ status: "cancelled" });
  expect(held.runs).toHaveLength(0);
});

test("the first reason counts, and an end that comes after it is not the run's end", async () => {
  const { held, ended, abort } = performing({}, false);
  abort("cancelled");
  abort("fenced");
  held.end();
  expect(await ended).toMatchObject({ status: "cancelled", error: { code: "cancelled" } });
});

test.each(["fenced", "stopping"] as const)(
  "a run that is %s has no outcome, even if it gives one",
  async (why) => {
    const { held, ended, abort } = performing({}, false);
    abort(why);
    held.end();
    expect(await ended).toBeNull();
  },
);

test("a run leaves no timer behind, and is settled only when its handler is", async () => {
  const { time, held, ended, settled, abort } = performing({}, false);
  let isSettled = false;
  void settled.then(() => {
    isSettled = true;
  });
  abort("cancelled");
  await time.advance(graceMs);
  await ended;
  expect(time.timers).toBe(0);
  expect(isSettled).toBe(false);
  held.end();
  await settled;
});
