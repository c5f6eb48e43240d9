import { expect, test } from "bun:test";
import type { Run } from "@sate/contracts";
import { createCounters, createLog } from "@sate/contracts/runtime";
import { startRun } from "../../src/runs/run.ts";
import { turns } from "../eventually.ts";
import { heldHandler } from "../fakes/handlers.ts";
import { graceMs, served } from "../fakes/processors.ts";
import { fakeTime } from "../fakes/time.ts";

const run = {
  ...{ execution_id: "e", request_id: "r", attempt: 1, epoch: 1, payload_json: "1" },
  ...{ try: 1, left_ms: 10_000 },
} as Run;

function waiting(mayStart: () => Promise<boolean>) {
  const time = fakeTime();
  const held = heldHandler({ listens: false });
  const parts = {
    time,
    random: () => 0,
    newId: () => Bun.randomUUIDv7(),
    counters: createCounters(),
    log: createLog("processor", "error", () => {}),
  };
  const processor = served("p", held.handler);
  const running = startRun(parts, { run, processor, workerId: "w", mayStart, addToLog() {} });
  return { time, held, ...running };
}

async function started() {
  const parts = waiting(async () => true);
  await turns();
  expect(parts.held.runs).toHaveLength(1);
  return parts;
}

test("a run whose worker has expired while it waited does not start, and has no outcome", async () => {
  const { held, ended } = waiting(async () => false);
  expect(await ended).toBeNull();
  expect(held.runs).toHaveLength(0);
});

test("a run that is cancelled while it waits does not start, and ends as cancelled", async () => {
  const earlier = Promise.withResolvers<boolean>();
  const { held, ended, abort, time } = waiting(() => earlier.promise);
  abort("cancelled");
  const decision = await ended; // it waits for nothing any more
  earlier.resolve(true);
  await time.advance(20_000);
  expect(decision).toMatchObject({ kind: "ended", outcome: { status: "cancelled" } });
  expect(decision).not.toHaveProperty("outcome.tries");
  expect(held.runs).toHaveLength(0);
});

test("the first abort reason counts, and a result after the abort is ignored", async () => {
  const { held, ended, abort } = await started();
  abort("cancelled");
  abort("fenced");
  held.end();
  expect(await ended).toMatchObject({ outcome: { status: "cancelled", error: { code: "cancelled" } } });
});

test.each(["fenced", "stopping"] as const)(
  "a run that is %s has no outcome, even if its handler returns a result",
  async (why) => {
    const { held, ended, abort } = await started();
    abort(why);
    held.end();
    expect(await ended).toBeNull();
  },
);

test("a run leaves no timer behind, and settles only when its handler has", async () => {
  const { time, held, ended, settled, abort } = await started();
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
