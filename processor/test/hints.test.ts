import { expect, test } from "bun:test";
import { answered, createHints } from "../src/hints.ts";

const ref = (name: string) => ({ request_id: `r-${name}`, attempt: 1, execution_id: name });
const names = (hints: { ref: { execution_id: string } }[]) => hints.map((hint) => hint.ref.execution_id);

test("first in, first out, each once", () => {
  const hints = createHints(10);
  for (const name of ["a", "b", "a", "c"]) expect(hints.add(ref(name))).toBe(true);
  expect(hints.size).toBe(3);
  expect(names(hints.take(2))).toEqual(["a", "b"]);
  expect(names(hints.take(9))).toEqual(["c"]);
});

test("at the limit there is a place, past it there is none, and nobody waits for what found none", () => {
  const hints = createHints(2);
  let isAnswered = false;
  expect(hints.add(ref("a"))).toBe(true);
  expect(hints.add(ref("b"))).toBe(true);
  expect(hints.add(ref("c"), () => (isAnswered = true))).toBe(false);
  expect(isAnswered).toBe(true);
  expect(hints.add(ref("a"))).toBe(true); // it has its place
});

test("what is put back comes first, and the limit stays one", () => {
  const hints = createHints(3);
  for (const name of ["a", "b", "c"]) hints.add(ref(name));
  const taken = hints.take(2);
  for (const name of ["d", "e"]) hints.add(ref(name));
  hints.putBack(taken);
  expect(names(hints.take(9))).toEqual(["a", "b", "c"]);
});

test("whoever waits is called once, and the hints stay", () => {
  const hints = createHints(3);
  let calls = 0;
  hints.add(ref("a"), () => calls++);
  hints.settle();
  hints.settle();
  const [taken] = hints.take(1);
  if (taken) answered(taken);
  expect(taken?.ref.execution_id).toBe("a");
  expect(calls).toBe(1);
});
