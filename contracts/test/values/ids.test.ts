import { expect, test } from "bun:test";
import { Value } from "@sinclair/typebox/value";
import { derivedId, executionKey, idFloor, limits, Traceparent, Uuid } from "../../src/index.ts";

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

test("a derived id is a UUIDv7 of its instant, and the same for the same parts only", () => {
  const at = 1_700_000_000_123;
  const derived = derivedId(at, "schedule", "a");
  expect(derived).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(Number.parseInt(derived.replaceAll("-", "").slice(0, 12), 16)).toBe(at);
  expect(derivedId(at, "schedule", "a")).toBe(derived);
  const others = [["schedule", "b"], ["schedulea"], ["schedule,a"], [], ["", "schedule", "a"]];
  expect(new Set([derived, ...others.map((parts) => derivedId(at, ...parts))]).size).toBe(others.length + 1);
  expect(derivedId(at - 1, "z") < derived && derived < derivedId(at + 1, "a")).toBe(true);
  expect(derivedId(-5, "a")).toStartWith("00000000-0000-7");
});

test("the floor of an instant is above every id from before it, and not above those from then on", () => {
  for (const at of [1, 1_700_000_000_123, 253_402_300_799_999, 2 ** 48 - 1]) {
    expect(Bun.randomUUIDv7("hex", at) >= idFloor(at)).toBe(true);
    expect(Bun.randomUUIDv7("hex", at - 1) < idFloor(at)).toBe(true);
  }
  expect(idFloor(Number.MAX_SAFE_INTEGER)).toBe(idFloor(2 ** 48 - 1));
  expect(idFloor(0) <= "00000000-0000-7000-8000-000000000000").toBe(true);
});
