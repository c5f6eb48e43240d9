import { expect, test } from "bun:test";
import { Value } from "@sinclair/typebox/value";
import { formatTimestamp, Timestamp } from "../../src/index.ts";

test("a timestamp has the original's format, in UTC with microseconds", () => {
  expect(formatTimestamp(1_604_766_718_103)).toBe("2020-11-07 16:31:58.103000");
  expect(formatTimestamp(1_604_766_718_103.5)).toBe("2020-11-07 16:31:58.103500");
  expect(formatTimestamp(1_604_766_718_999.9998)).toBe("2020-11-07 16:31:58.999999");
  expect(formatTimestamp(0)).toBe("1970-01-01 00:00:00.000000");
});

test("timestamps sort like their times", () => {
  const times = Array.from({ length: 1_000 }, (_, index) => index ** 4 + index / 7);
  const texts = times.map(formatTimestamp);
  for (const text of texts) expect(Value.Check(Timestamp, text)).toBe(true);
  expect(texts.toSorted()).toEqual(texts);
});

test("other formats are refused", () => {
  const wrong = [
    "2020-11-07T16:31:58.103057",
    "2020-11-07 16:31:58",
    "2020-11-07 16:31:58.103057Z",
    "",
    "now",
  ];
  for (const text of wrong) expect(Value.Check(Timestamp, text)).toBe(false);
});
