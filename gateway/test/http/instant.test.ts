import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { parseInstant } from "../../src/http/instant.ts";

test("an instant is read with its offset, and a fraction is rounded up to a millisecond", () => {
  const at = Date.UTC(2030, 0, 31, 9, 0, 0);
  for (const text of [
    "2030-01-31T09:00:00Z",
    "2030-01-31t09:00:00z",
    "2030-01-31T10:00:00+01:00",
    "2030-01-31T03:30:00-05:30",
    "2030-01-31T09:00:00.000000000Z",
  ]) {
    expect([text, parseInstant(text)]).toEqual([text, at]);
  }
  expect(parseInstant("2030-01-31T09:00:00.5Z")).toBe(at + 500);
  expect(parseInstant("2030-01-31T09:00:00.000000001Z")).toBe(at + 1);
  expect(parseInstant("2028-02-29T00:00:00Z")).toBe(Date.UTC(2028, 1, 29));
  expect(parseInstant("1960-01-01T00:00:00Z")).toBe(0);
  expect(parseInstant("0001-01-01T00:00:00Z")).toBe(0);
});

test.each([
  "2030-13-01T00:00:00Z",
  "2030-00-01T00:00:00Z",
  "2030-02-30T00:00:00Z",
  "2029-02-29T00:00:00Z",
  "2030-01-00T00:00:00Z",
  "2030-01-01T24:00:00Z",
  "2030-01-01T00:60:00Z",
  "2016-12-31T23:59:60Z",
  "2030-01-01T00:00:00+24:00",
  "2030-01-01T00:00:00+00:60",
  "2030-01-01T00:00:00",
  "2030-01-01",
  "",
])("there is no such instant: %s", (text) => {
  expect(parseInstant(text)).toBeNull();
});

test("every date that a program writes is read as the same instant", () => {
  const date = fc.date({ min: new Date(0), max: new Date("9999-12-31T23:59:59.999Z"), noInvalidDate: true });
  fc.assert(
    fc.property(date, (one) => {
      expect(parseInstant(one.toISOString())).toBe(one.getTime());
    }),
  );
});
