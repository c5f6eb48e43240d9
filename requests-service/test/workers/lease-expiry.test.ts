import { expect, test } from "bun:test";
import type { Worker } from "../../src/ports.ts";
import { createLeaseExpiry } from "../../src/workers/lease-expiry.ts";

const at = (beats: Record<string, number>): Worker[] =>
  Object.entries(beats).map(([id, beats]) => ({ id, beats, given_up: false }));
const ids = (workers: Worker[]) => workers.map(({ id }) => id);

test("a lease expires after the given number of sweeps in a row that saw the same count, and not before", () => {
  const expiry = createLeaseExpiry(3);
  for (let sweep = 0; sweep < 3; sweep++) expect(expiry.observe(at({ dead: 7, alive: sweep }))).toEqual([]);
  expect(ids(expiry.observe(at({ dead: 7, alive: 3 })))).toEqual(["dead"]);
  expect(ids(expiry.observe(at({ dead: 7, alive: 4 })))).toEqual(["dead"]);
});

test("after a heartbeat counting begins again", () => {
  const expiry = createLeaseExpiry(2);
  for (let beats = 0; beats < 20; beats++) {
    expect(expiry.observe(at({ slow: beats }))).toEqual([]);
    expect(expiry.observe(at({ slow: beats }))).toEqual([]);
  }
});

test("after a failed sweep counting begins again", () => {
  const expiry = createLeaseExpiry(2);
  expiry.observe(at({ a: 1 }));
  expiry.observe(at({ a: 1 }));
  expiry.reset(); // a sweep failed: while the database was away nobody could beat
  expect(expiry.observe(at({ a: 1 }))).toEqual([]);
  expect(expiry.observe(at({ a: 1 }))).toEqual([]);
  expect(ids(expiry.observe(at({ a: 1 })))).toEqual(["a"]);
});

test("an expired worker is not reported again, and counting begins again for one that was absent", () => {
  const expiry = createLeaseExpiry(1);
  expiry.observe(at({ a: 1 }));
  expect(expiry.observe([{ id: "a", beats: 1, given_up: true }])).toEqual([]);
  expect(expiry.observe(at({ a: 1 }))).toEqual([]);
  expect(ids(expiry.observe(at({ a: 1 })))).toEqual(["a"]);
});
