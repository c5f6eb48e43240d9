import { expect, test } from "bun:test";
import { inParts } from "../../src/runtime/in-parts.ts";

const bytesOf = (text: string) => text.length;

test("parts keep the order, and have no more items and bytes than they may", () => {
  const items = ["aa", "b", "cc", "ddd", "e"];
  expect(inParts(items, { bytesMax: 3, bytesOf })).toEqual([["aa", "b"], ["cc"], ["ddd"], ["e"]]);
  expect(inParts(items, { itemsMax: 2, bytesMax: 100, bytesOf })).toEqual([
    ["aa", "b"],
    ["cc", "ddd"],
    ["e"],
  ]);
});

test("an item that is larger than a part goes alone, and nothing makes no part", () => {
  expect(inParts(["a", "bbbb", "c"], { bytesMax: 3, bytesOf })).toEqual([["a"], ["bbbb"], ["c"]]);
  expect(inParts([], { bytesMax: 3, bytesOf })).toEqual([]);
});
