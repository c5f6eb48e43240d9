import { expect, test } from "bun:test";
import { endSkips, type Skipped, skipOldTopic, skipToEnd } from "../../src/torture/evidence/skipped.ts";

const at = (committed: number, high: number) => [
  { topic: "successful", partition: 0, low: 0, high, committed },
];
const belowOf = (skipped: Skipped) => skipped.get("successful/0")?.below;

function look(skipped: Skipped, committed: number, high: number): number | undefined {
  endSkips(skipped, new Map(skipped), at(committed, high));
  return belowOf(skipped);
}

test("a recreated topic is left out until its group has started over", () => {
  const skipped: Skipped = new Map();
  skipOldTopic(skipped, at(40, 45));
  expect(look(skipped, 40, 60)).toBe(45);
  expect(look(skipped, 44, 60)).toBe(45);
  expect(look(skipped, -1, 60)).toBe(45);
  expect(look(skipped, 3, 60)).toBeUndefined();
});

test("a group that continues at an offset of the old topic has not read what is below the old end", () => {
  const skipped: Skipped = new Map();
  skipOldTopic(skipped, at(40, 45));
  expect(look(skipped, 70, 70)).toBe(45);
});

test("a topic that is recreated twice is left out up to the end of the first one", () => {
  const skipped: Skipped = new Map();
  skipOldTopic(skipped, at(40, 45));
  skipOldTopic(skipped, at(40, 2));
  expect(look(skipped, 44, 50)).toBe(45);
});

test("positions that were read before a topic was recreated do not end its skip", () => {
  const skipped: Skipped = new Map();
  const before = new Map(skipped);
  skipOldTopic(skipped, at(40, 45));
  endSkips(skipped, before, at(30, 45));
  expect(belowOf(skipped)).toBe(45);
});

test("what a group skipped by moving to the end stays skipped", () => {
  const skipped: Skipped = new Map();
  skipToEnd(skipped, at(45, 45));
  expect(look(skipped, 50, 50)).toBe(45);
  expect(look(skipped, 0, 50)).toBe(45);
});
