import { expect, test } from "bun:test";
import { createWakeUps } from "../../src/wake-ups/queues.ts";

const wakeUp = (name: string) => {
  const [processor = "", id = ""] = name.split(" ");
  return { request_id: id, attempt: 1, execution_id: name, processor };
};
const names = (wakeUps: { execution_id: string }[]) => wakeUps.map(({ execution_id }) => execution_id);
const rooms = (of: Record<string, number>) => Object.entries(of).map(([name, limit]) => ({ name, limit }));

function holding(...all: string[]) {
  const wakeUps = createWakeUps();
  wakeUps.serve(["a", "b"]);
  for (const name of all) wakeUps.add(wakeUp(name));
  return wakeUps;
}

test("processors are served in turn, each in the order of its wake-ups and up to its room", () => {
  const wakeUps = holding("a 1", "a 2", "a 3", "a 4", "b 1", "b 2");
  const room = rooms({ a: 3, b: 9 });
  expect(wakeUps.ready(room)).toBe(5);
  expect(names(wakeUps.take(room, 9))).toEqual(["a 1", "b 1", "a 2", "b 2", "a 3"]);
  expect(wakeUps.ready(rooms({ a: 9, b: 9 }))).toBe(1);
});

test("with room for one at a time no processor waits behind the backlog of another", () => {
  const wakeUps = holding("a 1", "a 2", "a 3", "b 1");
  const one = () => names(wakeUps.take(rooms({ a: 1, b: 1 }), 1));
  expect([one(), one(), one(), one(), one()].flat()).toEqual(["a 1", "b 1", "a 2", "a 3"]);
});

test("the wake-ups of a processor without room stay in order", () => {
  const wakeUps = holding("a 1", "b 1", "a 2");
  expect(names(wakeUps.take(rooms({ b: 4 }), 9))).toEqual(["b 1"]);
  expect(names(wakeUps.take(rooms({ a: 4 }), 9))).toEqual(["a 1", "a 2"]);
});

test("a full queue does not displace another's wake-ups; requeued ones come first, and the last ones are dropped", () => {
  const wakeUps = holding();
  const places = 2_048;
  for (let id = 1; id <= places; id++) expect(wakeUps.add(wakeUp(`a ${id}`))).toBe(true);
  expect(wakeUps.add(wakeUp("a 1"))).toBe(true);
  expect(wakeUps.add(wakeUp("a more"))).toBe(false);
  expect(wakeUps.add(wakeUp("b 1"))).toBe(true);
  const taken = wakeUps.take(rooms({ a: 2 }), 2);
  wakeUps.add(wakeUp("a late"));
  wakeUps.add(wakeUp("a later"));
  expect(names(wakeUps.requeue(taken))).toEqual(["a late", "a later"]);
  expect(names(wakeUps.take(rooms({ a: 3 }), 3))).toEqual(["a 1", "a 2", "a 3"]);
});

test("a processor that is no longer served has no queue", () => {
  const wakeUps = holding("a 1", "b 1");
  wakeUps.serve(["b"]);
  expect(names(wakeUps.take(rooms({ a: 1, b: 1 }), 9))).toEqual(["b 1"]);
});
