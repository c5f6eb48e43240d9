import { expect, test } from "bun:test";
import { Value } from "@sinclair/typebox/value";
import { executionKey, limits, Traceparent, Uuid } from "../../src/index.ts";

const id = "01976b1e-7f0e-7000-8f0a-4b9b2f0a6c1d";

test("an id is a lower-case UUID with nothing around it", () => {
  expect(Value.Check(Uuid, id)).toBe(true);
  expect(Value.Check(Uuid, Bun.randomUUIDv7())).toBe(true);
  const wrong = [
    id.toUpperCase(),
    `${id}\n`,
    ` ${id}`,
    id.slice(1),
    `{${id}}`,
    id.replaceAll("-", ""),
    "",
    "%00",
    1,
    null,
  ];
  for (const text of wrong) expect(Value.Check(Uuid, text)).toBe(false);
});

test("a key starts with its request and sorts by attempt", () => {
  const attempts = [1, 2, 9, 10, 11, 99, 100, 999, limits.attemptMax];
  const keys = attempts.map((attempt) => executionKey(id, attempt));
  for (const key of keys) expect(key).toStartWith(`${id}:`);
  expect(keys.toSorted()).toEqual(keys);
  expect(keys[0]).toBe(`${id}:000001`);
});

test("a traceparent is of W3C version 00", () => {
  const good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  expect(Value.Check(Traceparent, good)).toBe(true);
  for (const text of [good.replace("00", "ff"), `${good}-x`, good.toUpperCase(), "", `${good}\n`]) {
    expect(Value.Check(Traceparent, text)).toBe(false);
  }
});
