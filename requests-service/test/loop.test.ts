import { expect, test } from "bun:test";
import { createLoop } from "../src/loop.ts";
import { until } from "./until.ts";

const nothingFatal = (what: string, error: unknown) => {
  throw new Error(`${what}: ${error}`);
};

test("turns follow each other, never two at once, until it is stopped", async () => {
  let underWay = 0;
  let most = 0;
  let turns = 0;
  const loop = createLoop({
    name: "test",
    pauseMs: 0,
    fatal: nothingFatal,
    turn: async () => {
      most = Math.max(most, ++underWay);
      await new Promise((resolve) => setImmediate(resolve));
      underWay--;
      turns++;
    },
  });
  loop.start();
  loop.start();
  await until("five turns", () => turns >= 5);
  expect(loop.complaint()).toBeNull();
  await loop.stop();
  const atStop = turns;
  expect(underWay).toBe(0);
  for (let round = 0; round < 20; round++) await new Promise((resolve) => setImmediate(resolve));
  expect([most, turns]).toEqual([1, atStop]);
});

test("stop waits for the turn under way", async () => {
  const begun = Promise.withResolvers<void>();
  const end = Promise.withResolvers<void>();
  const turn = () => {
    begun.resolve();
    return end.promise;
  };
  const loop = createLoop({ name: "test", pauseMs: 0, fatal: nothingFatal, turn });
  loop.start();
  await begun.promise;
  let isStopped = false;
  const stopped = loop.stop().then(() => {
    isStopped = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  expect(isStopped).toBe(false);
  end.resolve();
  await stopped;
});

test("a turn that fails is a fault of ours: it is fatal, and there is no other", async () => {
  const said: string[] = [];
  const fatal = (what: string, error: unknown) => void said.push(`${what} ${(error as Error).message}`);
  let turns = 0;
  const turn = async () => {
    turns++;
    throw new Error("broken");
  };
  const loop = createLoop({ name: "test", pauseMs: 0, fatal, turn });
  loop.start();
  await until("it is fatal", () => said.length > 0);
  await loop.stop();
  expect([said, turns]).toEqual([["test broken"], 1]);
});

test("stop is safe before start, which then does nothing, and twice", async () => {
  const loop = createLoop({ name: "test", pauseMs: 0, fatal: nothingFatal, turn: async () => {} });
  await loop.stop();
  loop.start();
  await loop.stop();
  expect(loop.complaint()).toBeNull();
});
