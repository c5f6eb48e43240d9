import { expect, test } from "bun:test";
import { headerNames, type IncomingRecord, limits, topics, unreadableRecord } from "@sate/contracts";
import { deadLetterDocument, storedMax } from "../../src/recording/dead-letter-document.ts";
import { garbage, outcomeOf, received, refusedExecution } from "../records.ts";

const deadLetter = (parts: Partial<IncomingRecord> = {}) =>
  garbage("garbage", { topic: topics.deadLetters, partition: 3, offset: "42", ...parts });
const text = (value: string) => Buffer.from(value);

test("a dead letter keeps its bytes, headers, position and reason", () => {
  const record = received(outcomeOf("lost", { resultId: "01976b1e-7f0e-7000-8f0a-4b9b2f0a6c1f" }), {
    partition: 3,
    offset: "9223372036854775807",
  });
  expect(deadLetterDocument(record)).toEqual({
    _id: "01976b1e-7f0e-7000-8f0a-4b9b2f0a6c1f",
    time: 1_604_766_718_103,
    partition: 3,
    offset: "9223372036854775807",
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
      "dead-letter-id": btoa("01976b1e-7f0e-7000-8f0a-4b9b2f0a6c1f"),
      detail: btoa("It broke."),
    }),
    cut: null,
  });
});

test("the dead letter of an unreadable record keeps its origin", () => {
  const origin = garbage("?", { topic: topics.failed, partition: 7, offset: "11", timestamp: "5" });
  const stored = deadLetterDocument(received(unreadableRecord(origin, "Its value is not JSON.")));
  expect(stored).toMatchObject({
    _id: "failed_executions/7/11/5",
    reason: "unreadable_record",
    origin_topic: topics.failed,
    origin_partition: 7,
    origin_offset: "11",
  });
});

test("the dead letter of a refused attempt refers to its request instead of repeating the payload", () => {
  const record = received(refusedExecution(`"${"x".repeat(512 * 1024)}"`));
  const stored = deadLetterDocument(record);
  expect(stored.cut).toContain("payload");
  const { processing_request, ...attempt } = JSON.parse(String(record.value));
  expect(JSON.parse(String(stored.value))).toEqual({
    ...attempt,
    processing_request: { id: processing_request.id },
  });
  const bytes = [stored.value, stored.key].reduce((sum, part) => sum + (part?.length ?? 0), 0);
  expect(bytes + stored.headers.length).toBeLessThan(800);
});

test("a record that only claims to be a refused attempt is stored as it is", () => {
  const headers = { [headerNames.reason]: text("max_failures") };
  for (const value of ["null", "[]", "{}", "garbage", '{"processing_request":null}', "\u0000"]) {
    const stored = deadLetterDocument(deadLetter({ headers, value: text(value) }));
    expect([String(stored.value), stored.cut]).toEqual([value, null]);
  }
  expect(deadLetterDocument(deadLetter({ headers, value: null })).value).toBeNull();
});

test("without a well-formed id, its position and time are its id", () => {
  const position = "dead_letter_queue/3/42/1604766718103";
  expect(deadLetterDocument(deadLetter())._id).toBe(position);
  for (const id of ["", " ", "a b", "a\u0000b", "é", "x".repeat(storedMax.idChars + 1)]) {
    const record = deadLetter({ headers: { [headerNames.deadLetterId]: text(id) } });
    expect(deadLetterDocument(record)._id).toBe(position);
  }
  const longest = "x".repeat(storedMax.idChars);
  expect(deadLetterDocument(deadLetter({ headers: { [headerNames.deadLetterId]: text(longest) } }))._id).toBe(
    longest,
  );
});

test("malformed headers and timestamps are tolerated", () => {
  const headers = Object.fromEntries(
    Object.values(headerNames).map((name) => [name, new Uint8Array([0xff, 0x00, 0x0a, 0xed])]),
  );
  const stored = deadLetterDocument(
    deadLetter({ headers, timestamp: "-1", value: null, key: new Uint8Array() }),
  );
  expect(stored).toMatchObject({ time: 0, origin_partition: null, origin_offset: null, value: null });
  expect(stored.detail).not.toContain("\n");
  for (const timestamp of ["", "x", "1e400", "9223372036854775807", "1.5"]) {
    expect(deadLetterDocument(deadLetter({ timestamp })).time).toBe(0);
  }
  const large = {
    [headerNames.originPartition]: text("9".repeat(19)),
    [headerNames.originOffset]: text("1".repeat(20)),
  };
  expect(deadLetterDocument(deadLetter({ headers: large }))).toMatchObject({
    origin_partition: null,
    origin_offset: null,
  });
  const proto = Object.fromEntries([
    ["__proto__", text("x")],
    ["constructor", text("y")],
  ]);
  expect(deadLetterDocument(deadLetter({ headers: proto })).headers).toBe(
    '{"__proto__":"eA==","constructor":"eQ=="}',
  );
});

test("at the limits everything is stored; past them it is cut, and `cut` says so", () => {
  const atLimit = deadLetterDocument(
    deadLetter({ value: new Uint8Array(storedMax.valueBytes), key: new Uint8Array(storedMax.keyBytes) }),
  );
  expect([atLimit.value?.length, atLimit.key?.length, atLimit.cut]).toEqual([
    storedMax.valueBytes,
    storedMax.keyBytes,
    null,
  ]);
  const past = deadLetterDocument(
    deadLetter({
      value: new Uint8Array(storedMax.valueBytes + 1),
      key: new Uint8Array(storedMax.keyBytes + 1),
      headers: { large: new Uint8Array(storedMax.headersBytes) },
    }),
  );
  expect([past.value?.length, past.key, past.headers]).toEqual([storedMax.valueBytes, null, "{}"]);
  expect(past.cut).toMatch(
    /^The key of 1048577 bytes was omitted\. The headers .* The value was truncated to 8388608 of 8388609 bytes\.$/,
  );
});

test("the largest dead letter that unreadableRecord creates is stored whole", () => {
  const origin = garbage(new Uint8Array(limits.recordBytesMax), {
    key: new Uint8Array(limits.originBytesMax),
    headers: { large: new Uint8Array(limits.originBytesMax * 0.74) },
  });
  const stored = deadLetterDocument(received(unreadableRecord(origin, "x")));
  expect(stored.cut).toBeNull();
  const bytes = stored.headers.length + (stored.value?.length ?? 0) + (stored.key?.length ?? 0);
  expect(bytes).toBeLessThan(15 * 1024 * 1024);
});
