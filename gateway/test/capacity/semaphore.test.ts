import { expect, test } from "bun:test";
import { createSemaphore } from "../../src/capacity/semaphore.ts";

const refusal = () => new Error("full");
const messageOf = (work: Promise<unknown>) =>
  work.then(() => "acquired").catch((error: Error) => error.message);

test("permits are first come, first served, and callers beyond the queue are refused at once", async () => {
  const semaphore = createSemaphore({ permits: 2, waitingMax: 2, waitMsMax: 60_000, refusal });
  const order: string[] = [];
  const as = (name: string) => semaphore.acquire().then(() => void order.push(name));
  await Promise.all([as("first"), as("second")]);
  const waiting = [as("third"), as("fourth")];
  expect(await messageOf(semaphore.acquire())).toBe("full");
  expect(order).toEqual(["first", "second"]);
  semaphore.release();
  await waiting[0];
  expect(order).toEqual(["first", "second", "third"]);
  semaphore.release();
  await waiting[1];
  for (let count = 0; count < 2; count++) semaphore.release();
  await Promise.all([as("fifth"), as("sixth")]);
  expect(order).toEqual(["first", "second", "third", "fourth", "fifth", "sixth"]);
});

test("a caller that waited too long is refused, and later callers still get permits", async () => {
  const semaphore = createSemaphore({ permits: 1, waitingMax: 3, waitMsMax: 20, refusal });
  await semaphore.acquire();
  expect(await messageOf(semaphore.acquire())).toBe("full");
  const next = messageOf(semaphore.acquire());
  semaphore.release();
  expect(await next).toBe("acquired");
  semaphore.release();
  expect(await messageOf(semaphore.acquire())).toBe("acquired");
});
