import { expect, test } from "bun:test";
import type { Worker } from "../src/ports.ts";
import { createWorkerWatch } from "../src/worker-watch.ts";

const at = (beats: Record<string, number>): Worker[] =>
  Object.entries(beats).map(([workerId, count]) => ({ workerId, beats: count, givenUp: false }));
const ids = (workers: Worker[]) => workers.map(({ workerId }) => workerId);

test("a worker is silent after so many sweeps in a row that saw the same count, and not before", () => {
  const watch = createWorkerWatch(3);
  for (let sweep = 0; sweep < 3; sweep++) expect(watch.observe(at({ dead: 7, alive: sweep }))).toEqual([]);
  expect(ids(watch.observe(at({ dead: 7, alive: 3 })))).toEqual(["dead"]);
  expect(ids(watch.observe(at({ dead: 7, alive: 4 })))).toEqual(["dead"]);
});

test("one heartbeat, and counting begins again", () => {
  const watch = createWorkerWatch(2);
  for (let beats = 0; beats < 20; beats++) {
    expect(watch.observe(at({ slow: beats }))).toEqual([]);
    expect(watch.observe(at({ slow: beats }))).toEqual([]);
  }
});

test("a sweeper that slept, however long, has seen nobody silent: only its own sweeps count", () => {
  const watch = createWorkerWatch(2);
  watch.observe(at({ a: 1 }));
  watch.observe(at({ a: 1 }));
  watch.reset(); // a sweep failed: while the database was away nobody could beat
  expect(watch.observe(at({ a: 1 }))).toEqual([]);
  expect(watch.observe(at({ a: 1 }))).toEqual([]);
  expect(ids(watch.observe(at({ a: 1 })))).toEqual(["a"]);
});

test("a worker that is given up is nobody's to watch, and one that was away begins again", () => {
  const watch = createWorkerWatch(1);
  watch.observe(at({ a: 1 }));
  expect(watch.observe([{ workerId: "a", beats: 1, givenUp: true }])).toEqual([]);
  expect(watch.observe(at({ a: 1 }))).toEqual([]);
  expect(ids(watch.observe(at({ a: 1 })))).toEqual(["a"]);
});
