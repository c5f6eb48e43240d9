import { describe, expect, test } from "bun:test";
import {
  executionJson,
  headerNames,
  type IncomingRecord,
  limits,
  refusedExecutionRecord,
  topics,
  unreadableRecord,
} from "../../src/index.ts";
import { execution, executionId, requestId, traceparent } from "./builders.ts";

test("the dead letter of a refused execution is the execution with the reason", () => {
  const { attempt: _, ...refused } = { ...execution, failures: 4, max_failures: 3 };
  const record = refusedExecutionRecord({ ...refused, traceparent });
  expect(record).toMatchObject({ topic: topics.deadLetters, key: requestId });
  expect(record.value).toBe(executionJson(refused));
  expect(record.value).not.toContain("attempt");
  expect(record.headers).toEqual({
    "schema-version": "1",
    traceparent,
    reason: "max_failures",
    "dead-letter-id": executionId,
    detail: "Failed executions: 4, allowed: 3.",
  });
});

describe("the dead letter of an unreadable record", () => {
  const place = {
    topic: topics.failed,
    partition: 7,
    offset: "9223372036854775807",
    timestamp: "1604766718103",
  };
  const garbage = (parts: Partial<IncomingRecord>): IncomingRecord => ({
    ...place,
    key: null,
    value: null,
    headers: {},
    ...parts,
  });
  const allBytes = Uint8Array.from({ length: 256 }, (_, index) => index);

  test("has its bytes, origin, headers and the reason", () => {
    const headers = Object.fromEntries([
      ["schema-version", Buffer.from("999")],
      ["__proto__", allBytes],
    ]);
    const record = unreadableRecord(
      garbage({ key: allBytes, value: allBytes, headers }),
      "Its\tvalue\u0000 is\r\nodd.",
    );
    expect(record).toMatchObject({ topic: topics.deadLetters, key: allBytes, value: allBytes });
    const { [headerNames.originHeaders]: originHeaders, ...rest } = record.headers;
    expect(rest).toEqual({
      "schema-version": "1",
      reason: "unreadable_record",
      "dead-letter-id": "failed_executions/7/9223372036854775807/1604766718103",
      "origin-topic": topics.failed,
      "origin-partition": "7",
      "origin-offset": "9223372036854775807",
      "origin-key": Buffer.from(allBytes).toString("base64"),
      detail: "Its value  is  odd.",
    });
    const base64 = Buffer.from(allBytes).toString("base64");
    expect(originHeaders).toBe(
      `{"schema-version":"${Buffer.from("999").toString("base64")}","__proto__":"${base64}"}`,
    );
  });

  test("is the same in every repetition, also without key and value", () => {
    const bare = garbage({});
    expect(unreadableRecord(bare, "x")).toEqual(unreadableRecord(bare, "x"));
    expect(unreadableRecord(bare, "x")).toMatchObject({ key: null, value: null });
    expect(unreadableRecord(bare, "x").headers).not.toHaveProperty(headerNames.originKey);
    expect(unreadableRecord(bare, "m".repeat(2_000)).headers.detail).toHaveLength(
      limits.errorMessageCharsMax,
    );
  });

  test("has all of a record at the limits, and says what was cut above them", () => {
    const { recordBytesMax, originBytesMax } = limits;
    const atLimit = unreadableRecord(
      garbage({ value: new Uint8Array(recordBytesMax), key: new Uint8Array(originBytesMax) }),
      "x",
    );
    expect([atLimit.value?.length, atLimit.key?.length]).toEqual([recordBytesMax, originBytesMax]);
    expect(atLimit.headers).not.toHaveProperty(headerNames.cut);
    const past = unreadableRecord(
      garbage({
        value: new Uint8Array(recordBytesMax + 1),
        key: new Uint8Array(originBytesMax + 1),
        headers: { large: new Uint8Array(originBytesMax) },
      }),
      "x",
    );
    expect([past.value?.length, past.key, past.headers[headerNames.originHeaders]]).toEqual([
      recordBytesMax,
      null,
      "{}",
    ]);
    expect(past.headers[headerNames.cut]).toMatch(
      /^The key of 1048577 bytes was omitted\. The headers of \d+ bytes were omitted\. The value was truncated to 8388608 of 8388609 bytes\.$/,
    );
  });

  test("fits into the dead letter queue for records of any size", () => {
    const name = "\u0001".repeat(100_000);
    const headers = { [name]: new Uint8Array(300_000), other: new Uint8Array(100_000) };
    const parts = { key: new Uint8Array(limits.originBytesMax), value: new Uint8Array(20_000_000), headers };
    const record = unreadableRecord(garbage(parts), "x");
    const carried = Object.entries(record.headers).flat();
    const bytes =
      (record.value?.length ?? 0) + (record.key?.length ?? 0) + Buffer.byteLength(carried.join(""));
    expect(bytes).toBeLessThan(limits.deadLetterBytesMax - 64 * 1024);
  });
});
