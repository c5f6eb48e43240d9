import { describe, expect, test } from "bun:test";
import {
  executionJson,
  executionRecord,
  headerNames,
  headerOf,
  type IncomingRecord,
  limits,
  refusedExecutionRecord,
  topics,
  unreadableRecord,
} from "../../src/index.ts";
import { execution, executionId, received, requestId, traceparent } from "./builders.ts";

test("the dead letter of a refused execution is the execution with the reason", () => {
  const { attempt: _, ...refused } = { ...execution, processor: "word-count", failures: 4, max_failures: 3 };
  const record = refusedExecutionRecord({ ...refused, traceparent });
  expect(record).toMatchObject({ topic: topics.deadLetters, key: requestId });
  expect(record.value).toBe(executionJson(refused));
  expect(record.value).not.toContain("attempt");
  expect(record.headers).toEqual({
    "schema-version": "1",
    traceparent,
    reason: "max_failures",
    "dead-letter-id": executionId,
    processor: "word-count",
    detail: "Failed executions: 4, allowed: 3.",
  });
});

describe("the dead letter of an unreadable record", () => {
  const { recordBytesMax, originBytesMax, deadLetterBytesMax } = limits;
  const place = {
    topic: topics.failed,
    partition: 7,
    offset: "9223372036854775807",
    timestamp: "1604766718103",
  };
  const of = (parts: Partial<IncomingRecord>, detail = "x") =>
    unreadableRecord({ ...place, key: null, value: null, headers: {}, ...parts }, detail);

  test("has its bytes, origin, headers and the reason", () => {
    const allBytes = Uint8Array.from({ length: 256 }, (_, index) => index);
    const base64 = Buffer.from(allBytes).toString("base64");
    const headers = Object.fromEntries([
      ["schema-version", Buffer.from("999")],
      ["__proto__", allBytes],
    ]);
    const record = of({ key: allBytes, value: allBytes, headers }, "Its\tvalue\u0000 is\r\nodd.");
    expect(record).toMatchObject({ topic: topics.deadLetters, key: allBytes, value: allBytes });
    expect(record.headers).toEqual({
      "schema-version": "1",
      reason: "unreadable_record",
      "dead-letter-id": "failed_executions/7/9223372036854775807/1604766718103",
      "origin-topic": topics.failed,
      "origin-partition": "7",
      "origin-offset": "9223372036854775807",
      "origin-key": base64,
      "origin-headers": `{"schema-version":"${btoa("999")}","__proto__":"${base64}"}`,
      detail: "Its value  is  odd.",
    });
  });

  test("is the same in every repetition, also without key and value", () => {
    expect(of({})).toEqual(of({}));
    expect(of({})).toMatchObject({ key: null, value: null });
    expect(of({}).headers).not.toHaveProperty(headerNames.originKey);
    expect(of({}, "m".repeat(2_000)).headers.detail).toHaveLength(limits.lineCharsMax);
  });

  test("keeps a whole record at the limits, and says what was cut above them", () => {
    const atLimit = of({ value: new Uint8Array(recordBytesMax), key: new Uint8Array(originBytesMax) });
    expect([atLimit.value?.length, atLimit.key?.length]).toEqual([recordBytesMax, originBytesMax]);
    expect(atLimit.headers).not.toHaveProperty(headerNames.cut);
    const past = of({
      value: new Uint8Array(recordBytesMax + 1),
      key: new Uint8Array(originBytesMax + 1),
      headers: { large: new Uint8Array(originBytesMax) },
    });
    expect([past.value?.length, past.key]).toEqual([recordBytesMax, null]);
    expect(past.headers[headerNames.originHeaders]).toBe("{}");
    expect(past.headers[headerNames.cut]).toMatch(
      /^The key of 1048577 bytes was omitted\. The headers of \d+ bytes were omitted\. The value was truncated to 8388608 of 8388609 bytes\.$/,
    );
  });

  test("fits into the dead letter queue for records of any size", () => {
    const headers = { ["\u0001".repeat(100_000)]: new Uint8Array(300_000), other: new Uint8Array(100_000) };
    const large = { key: new Uint8Array(originBytesMax), value: new Uint8Array(20_000_000), headers };
    const { key, value, headers: carried } = of(large);
    const headerBytes = Buffer.byteLength(Object.entries(carried).flat().join(""));
    const bytes = (value?.length ?? 0) + (key?.length ?? 0) + headerBytes;
    expect(bytes).toBeLessThan(deadLetterBytesMax - 64 * 1024);
  });
});

test("a header is found only by its own name, and bytes that are not UTF-8 are replaced", () => {
  const record = received(executionRecord(execution));
  record.headers.odd = new Uint8Array([0xff, 0x61]);
  const found = ["schema-version", "odd", "constructor", "__proto__"].map((name) => headerOf(record, name));
  expect(found).toEqual(["1", "\ufffda", undefined, undefined]);
});
