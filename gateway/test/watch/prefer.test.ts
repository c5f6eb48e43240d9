import { expect, test } from "bun:test";
import { preferredWait } from "../../src/watch/prefer.ts";

test.each([
  ["wait=10", 10],
  ["Wait = 7", 7],
  ['wait="5"', 5],
  ["wait=0", 0],
  ["wait=60", 60],
  ["wait=61", 60],
  ["wait=999999999", 60],
  [`wait=${"9".repeat(1_000)}`, 60],
  ["respond-async, wait=3", 3],
  ['return=minimal; foo="some parameter", wait=4;bar', 4],
  ["wait=8, wait=9", 8],
  ["wait=x, wait=9", 9],
])("Prefer: %s requests a wait of %p seconds", (value, seconds) => {
  expect(preferredWait(new Headers({ prefer: value }))).toBe(seconds);
});

test.each([
  "",
  "wait",
  "wait=",
  "wait=-1",
  "wait=1.5",
  "wait=1e3",
  "wait=10s",
  'wait="10',
  "waits=1",
  "respond-async",
  "=5",
  ";wait=5",
  "wait: 5",
])("Prefer: %s is ignored", (value) => {
  expect(preferredWait(new Headers({ prefer: value }))).toBeNull();
});

test("several headers are one list", () => {
  const headers = new Headers();
  expect(preferredWait(headers)).toBeNull();
  for (const value of ["respond-async", "wait=6"]) headers.append("prefer", value);
  expect(preferredWait(headers)).toBe(6);
});
