import { expect, test } from "bun:test";
import { openPage } from "../src/page.ts";
import { attemptsOf } from "./results.ts";

const [one, two, three] = attemptsOf(Bun.randomUUIDv7(), [1, 2, 3], {
  payload_json: "12",
  outputs_json: "345",
});
if (!one || !two || !three) throw new Error("there are three");

test("an empty page has nothing, and nothing behind it", () => {
  expect(openPage({ limit: 1, bytesMax: 1 }).read()).toEqual({ results: [], more: false });
});

test("what has no room is not taken, nor is anything behind it", () => {
  const byCount = openPage({ limit: 2, bytesMax: 100 });
  expect([one, two, three].map(byCount.take)).toEqual([true, true, false]);
  expect(byCount.read()).toEqual({ results: [one, two], more: true });

  const byBytes = openPage({ limit: 10, bytesMax: 10 });
  const small = { ...three, payload_json: "", outputs_json: "" };
  expect([one, two, three, small].map(byBytes.take)).toEqual([true, true, false, false]);
  expect(byBytes.read()).toEqual({ results: [one, two], more: true });
});

test("the first result always has room", () => {
  const page = openPage({ limit: 1, bytesMax: 0 });
  expect(page.take(one)).toBe(true);
  expect(page.read()).toEqual({ results: [one], more: false });
});
