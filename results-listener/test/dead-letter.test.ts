import { expect, test } from "bun:test";
import { headerNames, type IncomingRecord, limits, topics, unreadableRecord } from "@sate/contracts";
import { deadLetterOf, keptMax } from "../src/dead-letter.ts";
import { garbage, outcomeOf, received, refusedExecution } from "./records.ts";

const deadLetter = (parts: Partial<IncomingRecord> = {}) =>
  garbage("garbage", { topic: topics.deadLetters, partition: 3, offset: "42", ...parts });
const text = (value: string) => Buffer.from(value);

test("a letter has its bytes, its headers, its place and its reason", () => {
  const record = received(outcomeOf("lost", { resultId: "01976b1e-7f0e-7000-8f0a-4b9b2f0a6c1f" }), {
    partition: 3,
    offset: "9223372036854775807",
  });
  expect(deadLetterOf(record)).toEqual({
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

test("a letter of a record that could not be read knows where that came from", () => {
  const origin = garbage("?", { topic: topics.failed, partition: 7, offset: "11", timestamp: "5" });
  const letter = deadLetterOf(received(unreadableRecord(origin, "Its value is not JSON.")));
  expect(letter).toMatchObject({
    _id: "failed_executions/7/11/5",
    reason: "unreadable_record",
    origin_topic: topics.failed,
    origin_partition: 7,
    origin_offset: "11",
  });
});

test("a letter of a refused attempt refers to its request instead of keeping the payload again", () => {
  const record = received(refusedExecution(`"${"x".repeat(512 * 1024)}"`));
  const letter = deadLetterOf(record);
  expect(letter.cut).toContain("payload");
  const { processing_request, ...attempt } = JSON.parse(String(record.value));
  expect(JSON.parse(String(letter.value))).toEqual({
    ...attempt,
    processing_request: { id: processing_request.id },
  });
  const bytes = [letter.value, letter.key].reduce((sum, part) => sum + (part?.length ?? 0), 0);
  expect(bytes + letter.headers.length).toBeLessThan(800);
});

test("what only says that it is a refused attempt is kept as it is", () => {
  const headers = { [headerNames.reason]: text("max_failures") };
  for (const value of ["null", "[]", "{}", "garbage", '{"processing_request":null}', "\u0000"]) {
    const letter = deadLetterOf(deadLetter({ headers, value: text(value) }));
    expect([String(letter.value), letter.cut]).toEqual([value, null]);
  }
  expect(deadLetterOf(deadLetter({ headers, value: null })).value).toBeNull();
});

test("without an id of its own, or with an odd one, its place and time are its id", () => {
  const place = "dead_letter_queue/3/42/1604766718103";
  expect(deadLetterOf(deadLetter())._id).toBe(place);
  for (const id of ["", " ", "a b", "a\u0000b", "é", "x".repeat(keptMax.idChars + 1)]) {
    const record = deadLetter({ headers: { [headerNames.deadLetterId]: text(id) } });
    expect(deadLetterOf(record)._id).toBe(place);
  }
  const longest = "x".repeat(keptMax.idChars);
  expect(deadLetterOf(deadLetter({ headers: { [headerNames.deadLetterId]: text(longest) } }))._id).toBe(
    longest,
  );
});

test("odd headers and times are no trouble", () => {
  const headers = Object.fromEntries(
    Object.values(headerNames).map((name) => [name, new Uint8Array([0xff, 0x00, 0x0a, 0xed])]),
  );
  const letter = deadLetterOf(deadLetter({ headers, timestamp: "-1", value: null, key: new Uint8Array() }));
  expect(letter).toMatchObject({ time: 0, origin_partition: null, origin_offset: null, value: null });
  expect(letter.detail).not.toContain("\n");
  for (const timestamp of ["", "x", "1e400", "9223372036854775807", "1.5"]) {
    expect(deadLetterOf(deadLetter({ timestamp })).time).toBe(0);
  }
  const large = {
    [headerNames.originPartition]: text("9".repeat(19)),
    [headerNames.originOffset]: text("1".repeat(20)),
  };
  expect(deadLetterOf(deadLetter({ headers: large }))).toMatchObject({
    origin_partition: null,
    origin_offset: null,
  });
  const proto = Object.fromEntries([
    ["__proto__", text("x")],
    ["constructor", text("y")],
  ]);
  expect(deadLetterOf(deadLetter({ headers: proto })).headers).toBe(
    '{"__proto__":"eA==","constructor":"eQ=="}',
  );
});

test("all of a letter at the limits is kept; past them it is cut, and says so", () => {
  const atLimit = deadLetterOf(
    deadLetter({ value: new Uint8Array(keptMax.valueBytes), key: new Uint8Array(keptMax.keyBytes) }),
  );
  expect([atLimit.value?.length, atLimit.key?.length, atLimit.cut]).toEqual([
    keptMax.valueBytes,
    keptMax.keyBytes,
    null,
  ]);
  const past = deadLetterOf(
    deadLetter({
      value: new Uint8Array(keptMax.valueBytes + 1),
      key: new Uint8Array(keptMax.keyBytes + 1),
      headers: { large: new Uint8Array(keptMax.headersBytes) },
    }),
  );
  expect([past.value?.length, past.key, past.headers]).toEqual([keptMax.valueBytes, null, "{}"]);
  expect(past.cut).toMatch(
    /^The key of 1048577 bytes was omitted\. The headers .* The value was truncated to 8388608 of 8388609 bytes\.$/,
  );
});

test("what unreadableRecord itself makes, at its largest, is kept whole", () => {
  const origin = garbage(new Uint8Array(limits.recordBytesMax), {
    key: new Uint8Array(limits.originBytesMax),
    headers: { large: new Uint8Array(limits.originBytesMax * 0.74) },
  });
  const letter = deadLetterOf(received(unreadableRecord(origin, "x")));
  expect(letter.cut).toBeNull();
  const bytes = letter.headers.length + (letter.value?.length ?? 0) + (letter.key?.length ?? 0);
  expect(bytes).toBeLessThan(15 * 1024 * 1024);
});
