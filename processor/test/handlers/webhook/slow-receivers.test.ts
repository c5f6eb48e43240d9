import { expect, test } from "bun:test";
import { createSlowReceivers } from "../../../src/handlers/webhook/slow-receivers.ts";

test("a receiver counts as slow for half a minute after a call that timed out, or until it responds", () => {
  let now = 0;
  const { mayCall, called } = createSlowReceivers(() => now);
  const both = () => [mayCall("a"), mayCall("a")];
  expect(both()).toEqual([true, true]);
  called("a", true);
  expect(both()).toEqual([true, false]);
  expect(mayCall("b")).toBe(true);
  called("a", false);
  expect(both()).toEqual([true, true]);
  called("a", true);
  now = 30_000;
  expect(both()).toEqual([true, false]);
  now = 30_001;
  expect(both()).toEqual([true, true]);
});
