import { expect, test } from "bun:test";
import { inParts } from "../../src/runtime/fitting.ts";

const sizeOf = (text: string) => text.length;

test("parts keep the order and respect both limits", () => {
  const items = ["aa", "b", "cc", "ddd", "e"];
  expect(inParts(items, { sizeMax: 3, sizeOf })).toEqual([["aa", "b"], ["cc"], ["ddd"], ["e"]]);
  expect(inParts(items, { itemsMax: 2, sizeMax: 100, sizeOf })).toEqual([["aa", "b"], ["cc", "ddd"], ["e"]]);
});

test("an item above the limit is a part of its own; no items make no parts", () => {
  expect(inParts(["a", "bbbb", "c"], { sizeMax: 3, sizeOf })).toEqual([["a"], ["bbbb"], ["c"]]);
  expect(inParts([], { sizeMax: 3, sizeOf })).toEqual([]);
});
