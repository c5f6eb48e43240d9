import { afterEach, expect, test } from "bun:test";
import { createLifecycle } from "../../src/runtime/lifecycle.ts";
import { fakeLog } from "../fakes/log.ts";
import { until } from "../until.ts";

const realNow = performance.now;
afterEach(() => {
  performance.now = realNow;
});

function lifecycle(parts: Partial<Parameters<typeof createLifecycle>[0]> = {}) {
  const calls: string[] = [];
  const store = { isAway: false };
  const probe = async () => {
    if (store.isAway) throw new Error("away");
  };
  const log = fakeLog();
  const made = createLifecycle({
    log,
    dependencies: [{ name: "store", probe, reason: "Away." }],
    onStart: async (connect) => {
      calls.push("start");
      await connect("store", probe, "Away.");
    },
    onStop: async () => void calls.push("stop"),
    ...parts,
  });
  return { ...made, calls, store, log };
}

test("ready after start while dependencies work, and not once it stops", async () => {
  const { start, stop, notReadyReasons, calls, store } = lifecycle();
  expect(await notReadyReasons()).toEqual(["It is starting."]);
  store.isAway = true;
  const starting = start();
  await until("it has tried", async () => (await notReadyReasons()).length === 2);
  expect(await notReadyReasons()).toEqual(["It is starting.", "Away."]);
  store.isAway = false;
  await Promise.all([starting, start()]);
  expect(await notReadyReasons()).toEqual([]);
  await Promise.all([stop(), stop()]);
  expect([await notReadyReasons(), calls]).toEqual([["It is stopping."], ["start", "stop"]]);
});

test("a failing dependency makes it not ready until it recovers", async () => {
  const { start, stop, notReadyReasons, store } = lifecycle();
  await start();
  store.isAway = true;
  await until("it is not ready", async () => (await notReadyReasons()).includes("Away."));
  store.isAway = false;
  await until("it is ready", async () => (await notReadyReasons()).length === 0);
  await stop();
});

const works = async () => {};
const fails = async () => {
  throw new Error("mongodb://user:secret@host is away");
};

test("a part fails from a failed attempt to the next success, and each change is logged once", async () => {
  const { start, attempt, notReadyReasons, log } = lifecycle();
  await start();
  const results = [works, fails, fails, works].map((work) => () => attempt("writer", work, "It fails."));
  const seen = [];
  for (const result of results) seen.push([await result(), await notReadyReasons()]);
  expect(seen).toEqual([
    [true, []],
    [false, ["It fails."]],
    [false, ["It fails."]],
    [true, []],
  ]);
  expect(log.said).toEqual(["warn: It fails.", "info: recovered"]);
});

test("a reason may be made from the error; a changed reason is logged again", async () => {
  const { start, attempt, notReadyReasons, log } = lifecycle();
  await start();
  const fail = (message: string) => async () => Promise.reject(new Error(message));
  const why = (error: unknown) => (error as Error).message;
  for (const message of ["Away.", "Away.", "Not yet."]) await attempt("writer", fail(message), why);
  expect(await notReadyReasons()).toEqual(["Not yet."]);
  expect(log.said).toEqual(["warn: Away.", "warn: Not yet."]);
});

test("a reason shared by two parts is given once, until both work", async () => {
  const { start, attempt, notReadyReasons } = lifecycle();
  await start();
  await attempt("a", fails, "The database is away.");
  await attempt("b", fails, "The database is away.");
  expect(await notReadyReasons()).toEqual(["The database is away."]);
  await attempt("a", works, "The database is away.");
  expect(await notReadyReasons()).toEqual(["The database is away."]);
});

/** A started service with a dependency that answers when the test says so. */
async function slow() {
  let asked = 0;
  let answer = Promise.withResolvers<void>();
  const probe = () => {
    asked++;
    answer = Promise.withResolvers<void>();
    return answer.promise;
  };
  const dependencies = [{ name: "store", probe, reason: "Away." }];
  const { start, notReadyReasons } = lifecycle({ dependencies, onStart: works });
  await start();
  return {
    notReadyReasons,
    asked: () => asked,
    answers: () => answer.resolve(),
    refuses: () => answer.reject(new Error()),
  };
}

test("concurrent callers share one probe, and its verdict for a second", async () => {
  const { notReadyReasons, asked, answers, refuses } = await slow();
  const at = performance.now();
  performance.now = () => at;
  const both = [notReadyReasons(), notReadyReasons()];
  expect(asked()).toBe(1);
  refuses();
  expect(await Promise.all(both)).toEqual([["Away."], ["Away."]]);
  performance.now = () => at + 999;
  expect([await notReadyReasons(), asked()]).toEqual([["Away."], 1]);
  performance.now = () => at + 1_000;
  const later = notReadyReasons();
  answers();
  expect([await later, asked()]).toEqual([[], 2]);
});

test("a probe that takes longer than a second is not started twice", async () => {
  const { notReadyReasons, asked, answers } = await slow();
  const at = performance.now();
  const first = notReadyReasons();
  performance.now = () => at + 3_000;
  const second = notReadyReasons();
  answers();
  expect([await first, await second, asked()]).toEqual([[], [], 1]);
});

test("a hanging dependency makes it not ready before a health check times out", async () => {
  const { notReadyReasons } = await slow();
  const at = performance.now();
  expect(await notReadyReasons()).toEqual(["Away."]);
  expect(performance.now() - at).toBeLessThan(5_000);
}, 10_000);

test("failed work and further reasons make it not ready, each reason once", async () => {
  const further = ["Away.", "It hangs."];
  const { start, attempt, notReadyReasons } = lifecycle({ reasons: async () => further });
  await start();
  await attempt("write", () => Promise.reject(new Error("no")), "It cannot be written.");
  expect(await notReadyReasons()).toEqual(["It cannot be written.", "Away.", "It hangs."]);
  await attempt("write", async () => {}, "It cannot be written.");
  expect(await notReadyReasons()).toEqual(further);
});

test("a stop ends a waiting start, and a stop before start prevents it", async () => {
  const waiting = lifecycle();
  waiting.store.isAway = true;
  const starting = waiting.start();
  await until("it has tried", async () => (await waiting.notReadyReasons()).length === 2);
  await waiting.stop();
  await starting;
  expect(waiting.stopping.aborted).toBe(true);
  expect(await waiting.notReadyReasons()).toEqual(["It is stopping."]);

  const early = lifecycle();
  await early.stop();
  await early.start();
  expect(early.calls).toEqual(["stop"]);
});
