import { expect, test } from "bun:test";
import { pageWithinBytes } from "../src/page-within-bytes.ts";
import { attemptsOf } from "./results.ts";

const [one, two, three] = attemptsOf(Bun.randomUUIDv7(), [1, 2, 3], {
  payload_json: "12",
  outputs_json: "345",
});
if (!one || !two || !three) throw new Error("there are three");

test("an empty page has no results and no more", () => {
  expect(pageWithinBytes({ limit: 1, bytesMax: 1 }).read()).toEqual({ results: [], more: false });
});

test("a result that does not fit is not taken, nor is any after it", () => {
  const byCount = pageWithinBytes({ limit: 2, bytesMax: 100 });
  expect([one, two, three].map(byCount.take)).toEqual([true, true, false]);
  expect(byCount.read()).toEqual({ results: [one, two], more: true });

  const byBytes = pageWithinBytes({ limit: 10, bytesMax: 10 });
  const small = { ...three, payload_json: "", outputs_json: "" };
  expect([one, two, three, small].map(byBytes.take)).toEqual([true, true, false, false]);
  expect(byBytes.read()).toEqual({ results: [one, two], more: true });
});

test("the first result always fits", () => {
  const page = pageWithinBytes({ limit: 1, bytesMax: 0 });
  expect(page.take(one)).toBe(true);
  expect(page.read()).toEqual({ results: [one], more: false });
});
