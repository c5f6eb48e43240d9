import { describe, expect, test } from "bun:test";
import { headerNames, limits, topics } from "@sate/contracts";
import { classify } from "../../src/recording/classify.ts";
import { garbage, outcomeOf, received, refusedExecution, unreadables } from "../records.ts";

describe("the outcome topics", () => {
  test("outcomes are results", () => {
    const records = (["succeeded", "failed", "cancelled"] as const).map((end) => received(outcomeOf(end)));
    const { results, deadLetters, bad } = classify(records);
    expect(results.map(({ result }) => result.is_success)).toEqual([true, false, false]);
    expect(results.map(({ record }) => record)).toEqual(records);
    expect([deadLetters, bad]).toEqual([[], []]);
  });

  test("an outcome on the wrong one of the two is still a result", () => {
    const success = received(outcomeOf("succeeded"), { topic: topics.failed });
    const failure = received(outcomeOf("failed"), { topic: topics.successful });
    const unexpected = received(outcomeOf("unexpected_error"), { topic: topics.failed });
    const { results, bad } = classify([success, failure, unexpected]);
    expect(results.map(({ result }) => result.is_success)).toEqual([true, false, false]);
    expect(bad).toEqual([]);
  });

  test("anything else is bad, each record on its own, with the reason", () => {
    const good = received(outcomeOf("succeeded"));
    for (const { name, value, headers } of unreadables()) {
      const one = garbage(value, { topic: topics.failed, ...(headers && { headers }) });
      const { results, deadLetters, bad } = classify([one, good]);
      expect({ name, results: results.length, deadLetters }).toEqual({ name, results: 1, deadLetters: [] });
      expect(bad.map(({ record }) => record)).toEqual([one]);
      expect(bad[0]?.detail).toMatch(/^The .*\.$/);
    }
  });

  test("a record of the maximum size is read, a larger one is not", () => {
    const empty = outcomeOf("succeeded", { outputsJson: '""' });
    const room = limits.recordBytesMax - String(empty.value).length;
    const sized = (bytes: number) =>
      received(outcomeOf("succeeded", { outputsJson: `"${"x".repeat(bytes)}"` }));
    expect(classify([sized(room)]).results).toHaveLength(1);
    const { bad } = classify([sized(room + 1)]);
    expect(bad.map(({ detail }) => detail)).toEqual([
      `The value is larger than ${limits.recordBytesMax} bytes.`,
    ]);
  });
});

describe("the dead letter queue", () => {
  test("an execution that ended unexpectedly is a dead letter and a failed result", () => {
    for (const ending of ["unexpected_error", "lost"] as const) {
      const record = received(outcomeOf(ending));
      const { results, deadLetters, bad } = classify([record]);
      expect(results).toHaveLength(1);
      expect(results[0]?.result).toMatchObject({ is_success: false, error: { code: ending } });
      expect(deadLetters).toHaveLength(1);
      expect(deadLetters[0]).toMatchObject({ reason: ending, value: record.value });
      expect(bad).toEqual([]);
    }
  });

  test("a refused attempt is only a dead letter", () => {
    const { results, deadLetters } = classify([received(refusedExecution())]);
    expect(results).toEqual([]);
    expect(deadLetters[0]).toMatchObject({
      reason: "max_failures",
      detail: "Failed executions: 3, allowed: 3.",
    });
  });

  test("a record that cannot be read is a dead letter, and is never published again", () => {
    for (const { name, value } of unreadables()) {
      for (const reason of [undefined, "unreadable_record", "unexpected_error", "lost", "no such reason"]) {
        const headers = reason === undefined ? {} : { [headerNames.reason]: Buffer.from(reason) };
        const record = garbage(value, { topic: topics.deadLetters, headers });
        const { results, deadLetters, bad } = classify([record]);
        const readable = name === "a newer schema" && (reason === "unexpected_error" || reason === "lost");
        // It is a success, and no success is recorded from this queue.
        expect({ name, reason, readable, results }).toEqual({ name, reason, readable, results: [] });
        expect(deadLetters.map((letter) => letter.value)).toEqual([record.value]);
        expect(bad).toEqual([]);
      }
    }
  });

  test("an outcome there without a reason, or with another one, is not a result", () => {
    for (const reason of [null, "unreadable_record", "max_failures"]) {
      const record = received(outcomeOf("unexpected_error"));
      if (reason === null) delete record.headers[headerNames.reason];
      else record.headers[headerNames.reason] = Buffer.from(reason);
      expect(classify([record])).toMatchObject({ results: [], bad: [], deadLetters: [{ reason }] });
    }
  });

  test("a success there is not a result, whatever its reason", () => {
    const record = received(outcomeOf("succeeded"), { topic: topics.deadLetters });
    record.headers[headerNames.reason] = Buffer.from("unexpected_error");
    expect(classify([record])).toMatchObject({ results: [], deadLetters: [{ reason: "unexpected_error" }] });
  });
});

test("no records are nothing to do, and a record of an unknown topic is bad", () => {
  expect(classify([])).toEqual({ results: [], deadLetters: [], bad: [] });
  const stranger = garbage("{}", { topic: "some_topic" });
  expect(classify([stranger]).bad).toHaveLength(1);
});
