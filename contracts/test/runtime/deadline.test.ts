import { expect, test } from "bun:test";
import { DeadlinePassed, inTime } from "../../src/runtime/deadline.ts";

const caught = (promise: Promise<unknown>) => promise.catch((error: unknown) => error);

test("settles as the work does", async () => {
  expect(await inTime(Promise.resolve(1), 60_000)).toBe(1);
  expect(await caught(inTime(Promise.reject(new Error("no")), 60_000))).toEqual(new Error("no"));
});

test("rejects when work exceeds the deadline", async () => {
  expect(await caught(inTime(new Promise(() => {}), 1))).toBeInstanceOf(DeadlinePassed);
});

test("work that fails after the deadline causes no unhandled rejection", async () => {
  const unhandled: unknown[] = [];
  const listen = (reason: unknown) => void unhandled.push(reason);
  process.on("unhandledRejection", listen);
  const { promise, reject } = Promise.withResolvers<void>();
  await caught(inTime(promise, 1));
  reject(new Error("late"));
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
  process.off("unhandledRejection", listen);
  expect(unhandled).toEqual([]);
});
