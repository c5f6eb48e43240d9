import { expect, test } from "bun:test";
import { createWakeUpQueue } from "../../src/wakeups/queue.ts";

const ref = (name: string) => ({ request_id: `r-${name}`, attempt: 1, execution_id: name });
const names = (refs: { execution_id: string }[]) => refs.map(({ execution_id }) => execution_id);

test("first in, first out, each execution once", () => {
  const queue = createWakeUpQueue(10);
  for (const name of ["a", "b", "a", "c"]) expect(queue.add(ref(name))).toBe(true);
  expect(queue.size).toBe(3);
  expect(names(queue.take(2))).toEqual(["a", "b"]);
  expect(names(queue.take(9))).toEqual(["c"]);
});

test("beyond the limit a wake-up is dropped, unless its execution is in the queue", () => {
  const queue = createWakeUpQueue(2);
  expect(queue.add(ref("a"))).toBe(true);
  expect(queue.add(ref("b"))).toBe(true);
  expect(queue.add(ref("c"))).toBe(false);
  expect(queue.add(ref("a"))).toBe(true);
  expect(names(queue.take(9))).toEqual(["a", "b"]);
});

test("requeued wake-ups come first, within the limit", () => {
  const queue = createWakeUpQueue(3);
  for (const name of ["a", "b", "c"]) queue.add(ref(name));
  const taken = queue.take(2);
  for (const name of ["d", "e"]) queue.add(ref(name));
  queue.requeue(taken);
  expect(names(queue.take(9))).toEqual(["a", "b", "c"]);
});
