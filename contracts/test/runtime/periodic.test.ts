import { expect, test } from "bun:test";
import { periodic } from "../../src/runtime/periodic.ts";
import { until } from "../until.ts";

const nothingFatal = (what: string, error: unknown) => {
  throw new Error(`${what}: ${error}`);
};

test("repeats the work, never twice at once, until it is stopped", async () => {
  let underWay = 0;
  let most = 0;
  let times = 0;
  const task = periodic({
    name: "test",
    pauseMs: 0,
    fatal: nothingFatal,
    work: async () => {
      most = Math.max(most, ++underWay);
      await new Promise((resolve) => setImmediate(resolve));
      underWay--;
      times++;
    },
  });
  task.start();
  await until("five times", () => times >= 5);
  await task.stop();
  const atStop = times;
  expect(underWay).toBe(0);
  for (let round = 0; round < 20; round++) await new Promise((resolve) => setImmediate(resolve));
  expect([most, times]).toEqual([1, atStop]);
});

/** A task whose work is under way until `end` is called. */
async function underWay() {
  const begun = Promise.withResolvers<void>();
  const { promise, resolve: end } = Promise.withResolvers<void>();
  const work = () => {
    begun.resolve();
    return promise;
  };
  const task = periodic({ name: "sweep of the test", pauseMs: 0, fatal: nothingFatal, work });
  task.start();
  await begun.promise;
  return { task, end };
}

test("stop waits for the work under way", async () => {
  const { task, end } = await underWay();
  let isStopped = false;
  const stopped = task.stop().then(() => {
    isStopped = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  expect(isStopped).toBe(false);
  end();
  await stopped;
});

test("work that rejects is fatal and is not repeated", async () => {
  const said: string[] = [];
  const fatal = (what: string, error: unknown) => void said.push(`${what} ${(error as Error).message}`);
  let times = 0;
  const work = async () => {
    times++;
    throw new Error("broken");
  };
  const task = periodic({ name: "test", pauseMs: 0, fatal, work });
  task.start();
  await until("it is fatal", () => said.length > 0);
  await task.stop();
  expect([said, times]).toEqual([["test broken"], 1]);
});

test("stop is safe twice and before start, which then does nothing", async () => {
  let times = 0;
  const task = periodic({ name: "test", pauseMs: 0, fatal: nothingFatal, work: async () => times++ });
  await task.stop();
  task.start();
  await task.stop();
  for (let round = 0; round < 5; round++) await new Promise((resolve) => setTimeout(resolve, 0));
  expect(times).toBe(0);
});
