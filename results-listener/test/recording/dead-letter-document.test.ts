import { expect, test } from "bun:test";
import { headerNames, type IncomingRecord, limits, topics, unreadableRecord } from "@sate/contracts";
import { deadLetterDocument, storedMax } from "../../src/recording/dead-letter-document.ts";
import { garbage, outcomeOf, received, refusedExecution } from "../records.ts";

const storedOf = (parts: Partial<IncomingRecord> = {}) =>
  deadLetterDocument(garbage("garbage", { topic: topics.deadLetters, partition: 3, offset: "42", ...parts }));
const text = (value: string) => Buffer.from(value);

test("a dead letter keeps its bytes, headers, position and reason", () => {
  const _id = "01976b1e-7f0e-7000-8f0a-4b9b2f0a6c1f";
  const position = { partition: 3, offset: "9223372036854775807" };
  const ids = { requestId: Bun.randomUUIDv7(), executionId: Bun.randomUUIDv7() };
  const record = received(outcomeOf("lost", { resultId: _id, attempt: 2, ...ids }), position);
  expect(deadLetterDocument(record)).toEqual({
    _id,
    time: 1_604_766_718_103,
    ...position,
    reason: "lost",
    detail: "It broke.",
    origin_topic: null,
    origin_partition: null,
    origin_offset: null,
    key: record.key,
    value: record.value,
    headers: JSON.stringify({
      "schema-version": btoa("1"),
      reason: btoa("lost"),
      "dead-letter-id": btoa(_id),
      detail: btoa("It broke."),
    }),
    cut: null,
    request_id: ids.requestId,
    attempt: 2,
    execution_id: ids.executionId,
    processor: "word-count",
  });
});

test("the dead letter of an unreadable record keeps its origin", () => {
  const origin = garbage("?", { topic: topics.failed, partition: 7, offset: "11", timestamp: "5" });
  expect(deadLetterDocument(received(unreadableRecord(origin, "Its value is not JSON.")))).toMatchObject({
    _id: "failed_executions/7/11/5",
    reason: "unreadable_record",
    origin_topic: topics.failed,
    origin_partition: 7,
    origin_offset: "11",
    request_id: null,
    processor: null,
    cut: null,
  });
});

test("what was cut of an unreadable record before it was published is stored with it", () => {
  const origin = garbage(new Uint8Array(limits.recordBytesMax + 1));
  const { cut } = deadLetterDocument(received(unreadableRecord(origin, "x")));
  expect(cut).toBe("The value was truncated to 8388608 of 8388609 bytes.");
});

test("the dead letter of a refused attempt refers to its request instead of repeating the payload", () => {
  const record = received(refusedExecution(`"${"x".repeat(512 * 1024)}"`));
  const stored = deadLetterDocument(record);
  expect(stored.cut).toContain("payload");
  const { processing_request, ...attempt } = JSON.parse(String(record.value));
  expect(stored).toMatchObject({ request_id: processing_request.id, execution_id: null });
  expect(JSON.parse(String(stored.value))).toEqual({
    ...attempt,
    processing_request: { id: processing_request.id },
  });
  expect(bytesOf(stored)).toBeLessThan(800);
});

test.each(["null", "[]", "{}", "garbage", '{"processing_request":null}', "\u0000", null])(
  "a record that only claims to be a refused attempt is stored as it is: %p",
  (value) => {
    const headers = { [headerNames.reason]: text("max_failures") };
    const stored = storedOf({ headers, value: value === null ? null : text(value) });
    expect([stored.value && String(stored.value), stored.cut]).toEqual([value, null]);
  },
);

const longest = "x".repeat(storedMax.idChars);
const position = "dead_letter_queue/3/42/1604766718103";
test.each([
  [longest, longest],
  ...["", " ", "a b", "a\u0000b", "é", `${longest}x`].map((id) => [id, position]),
])("without a well-formed id, its position and time are its id: %p", (id, wanted) => {
  expect(storedOf()._id).toBe(position);
  expect(storedOf({ headers: { [headerNames.deadLetterId]: text(id as string) } })._id).toBe(
    wanted as string,
  );
});

test.each(["-1", "", "x", "1e400", "9223372036854775807", "1.5"])(
  "a timestamp that is none counts as zero: %p",
  (timestamp) => expect(storedOf({ timestamp }).time).toBe(0),
);

test("malformed headers are tolerated", () => {
  const bytes = new Uint8Array([0xff, 0x00, 0x0a, 0xed]);
  const all = Object.fromEntries(Object.values(headerNames).map((name) => [name, bytes]));
  const stored = storedOf({ headers: all, value: null, key: new Uint8Array() });
  expect(stored).toMatchObject({ origin_partition: null, origin_offset: null, value: null });
  expect(stored.detail).not.toContain("\n");
  const large = {
    [headerNames.originPartition]: text("9".repeat(19)),
    [headerNames.originOffset]: text("1".repeat(20)),
  };
  expect(storedOf({ headers: large })).toMatchObject({ origin_partition: null, origin_offset: null });
  const proto = Object.fromEntries(["__proto__", "constructor"].map((name) => [name, text("x")]));
  expect(storedOf({ headers: proto }).headers).toBe('{"__proto__":"eA==","constructor":"eA=="}');
});

test("at the limits everything is stored; past them it is cut, and `cut` says so", () => {
  const { valueBytes, keyBytes, headersBytes } = storedMax;
  const sized = (extra: number, headers = {}) =>
    storedOf({ value: new Uint8Array(valueBytes + extra), key: new Uint8Array(keyBytes + extra), headers });
  expect(bytesOf(sized(0))).toBeGreaterThan(valueBytes + keyBytes);
  expect(sized(0).cut).toBeNull();
  const past = sized(1, { large: new Uint8Array(headersBytes) });
  expect([past.value?.length, past.key, past.headers]).toEqual([valueBytes, null, "{}"]);
  expect(past.cut).toMatch(/^The key .* omitted\. The headers .* omitted\. The value was truncated .*\.$/);
});

test("the largest dead letter that unreadableRecord creates is stored whole", () => {
  const origin = garbage(new Uint8Array(limits.recordBytesMax), {
    key: new Uint8Array(limits.originBytesMax),
    headers: { large: new Uint8Array(limits.originBytesMax * 0.74) },
  });
  const stored = deadLetterDocument(received(unreadableRecord(origin, "x")));
  expect(stored.cut).toBeNull();
  expect(bytesOf(stored)).toBeLessThan(15 * 1024 * 1024);
});

function bytesOf({ headers, key, value }: ReturnType<typeof storedOf>): number {
  return headers.length + (key?.length ?? 0) + (value?.length ?? 0);
}
