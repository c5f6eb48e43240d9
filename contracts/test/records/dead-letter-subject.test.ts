import { expect, test } from "bun:test";
import { deadLetterSubject, headerNames, outcomeRecord, refusedExecutionRecord } from "../../src/index.ts";
import { execution, executionId, received, requestId } from "./builders.ts";

const nothing = { request_id: null, attempt: null, execution_id: null, processor: null };
const refused = { ...execution, processor: "word-count", failures: 4, max_failures: 3 };

/** The record of an execution that ended so. */
function ended(code: string, processor = "word-count") {
  const { id: _, ...run } = execution;
  return outcomeRecord(
    { ...run, execution_id: executionId, processor },
    {
      status: "dead_lettered",
      result_id: Bun.randomUUIDv7(),
      processing_start_time: "2020-11-07 16:54:14.434825",
      processing_end_time: "2020-11-07 16:54:24.441799",
      processing_total_seconds: 1,
      error: { code, message: "It broke." },
    },
  );
}

test.each(["unexpected_error", "lost"])("the outcome %s is about its execution", (code) => {
  expect(deadLetterSubject(received(ended(code)))).toEqual({
    request_id: requestId,
    attempt: execution.attempt,
    execution_id: executionId,
    processor: "word-count",
  });
});

test("a refused attempt is about its request: there is no such execution", () => {
  const subject = { ...nothing, request_id: requestId, processor: "word-count" };
  expect(deadLetterSubject(received(refusedExecutionRecord(refused)))).toEqual(subject);
});

test.each(["null", "[]", "{}", "garbage", '{"processing_request":{"id":"x"}}', "\u0000", null])(
  "a record that only claims to be one of ours is about nothing: %p",
  (value) => {
    for (const reason of ["max_failures", "lost", "unexpected_error", "unreadable_record", "other"]) {
      const record = received(ended("lost"));
      record.headers[headerNames.reason] = Buffer.from(reason);
      record.value = value === null ? null : Buffer.from(value);
      expect(deadLetterSubject(record)).toEqual(nothing);
    }
  },
);

test("a name that is no processor's is one line of bounded length", () => {
  const long = deadLetterSubject(received(ended("lost", `a\n${"b".repeat(1_000)}`)));
  expect(long.processor).toHaveLength(100);
  expect(long.processor).toStartWith("a b");
});
