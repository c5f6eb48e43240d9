import { expect, test } from "bun:test";
import type { Run } from "@sate/contracts";
import { createCounters, createLog } from "@sate/contracts/runtime";
import { graceMs, type StartGuard, startRun } from "../../src/runs/run.ts";
import { heldHandler } from "../fakes/handlers.ts";
import { fakeTime } from "../fakes/time.ts";

const run = { execution_id: "e", request_id: "r", attempt: 1, epoch: 1, payload_json: "1" } as Run;

function started(guard: Partial<StartGuard> = {}, listens = true) {
  const time = fakeTime();
  const held = heldHandler({ listens });
  const parts = {
    handlers: { default: held.handler },
    time,
    newId: () => Bun.randomUUIDv7(),
    counters: createCounters(),
    log: createLog("processor", "error", () => {}),
  };
  const whole = { earlier: undefined, mayStart: () => true, ...guard };
  return { time, held, ...startRun(parts, 10_000, { run, workerId: "w", guard: whole }) };
}

test("a run whose worker has expired while it waited does not start, and has no outcome", async () => {
  const earlier = Promise.withResolvers<void>();
  let mayStart = true;
  const { held, ended } = started({ earlier: earlier.promise, mayStart: () => mayStart });
  mayStart = false;
  earlier.resolve();
  expect(await ended).toBeNull();
  expect(held.runs).toHaveLength(0);
});

test("a run that is cancelled while it waits does not start, and ends as cancelled", async () => {
  const earlier = Promise.withResolvers<void>();
  const { held, ended, abort } = started({ earlier: earlier.promise });
  abort("cancelled");
  earlier.resolve();
  expect(await ended).toMatchObject({ status: "cancelled" });
  expect(held.runs).toHaveLength(0);
});

test("the first abort reason counts, and a result after the abort is ignored", async () => {
  const { held, ended, abort } = started({}, false);
  abort("cancelled");
  abort("fenced");
  held.end();
  expect(await ended).toMatchObject({ status: "cancelled", error: { code: "cancelled" } });
});

test.each(["fenced", "stopping"] as const)(
  "a run that is %s has no outcome, even if its handler returns a result",
  async (why) => {
    const { held, ended, abort } = started({}, false);
    abort(why);
    held.end();
    expect(await ended).toBeNull();
  },
);

test("a run leaves no timer behind, and settles only when its handler has", async () => {
  const { time, held, ended, settled, abort } = started({}, false);
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
