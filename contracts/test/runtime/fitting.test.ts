import { expect, test } from "bun:test";
import { inParts } from "../../src/runtime/fitting.ts";

const sizeOf = (text: string) => text.length;

test("parts keep the order, and have no more items and bytes than they may", () => {
  const items = ["aa", "b", "cc", "ddd", "e"];
  expect(inParts(items, { sizeMax: 3, sizeOf })).toEqual([["aa", "b"], ["cc"], ["ddd"], ["e"]]);
  expect(inParts(items, { itemsMax: 2, sizeMax: 100, sizeOf })).toEqual([["aa", "b"], ["cc", "ddd"], ["e"]]);
});

test("an item that is larger than a part goes alone, and nothing makes no part", () => {
  expect(inParts(["a", "bbbb", "c"], { sizeMax: 3, sizeOf })).toEqual([["a"], ["bbbb"], ["c"]]);
  expect(inParts([], { sizeMax: 3, sizeOf })).toEqual([]);
});
