import { describe, expect, test } from "bun:test";
import { headerNames, limits, topics } from "@sate/contracts";
import { classify } from "../../src/recording/classify.ts";
import { garbage, outcomeOf, received, refusedExecution, unreadables } from "../records.ts";

describe("on the outcome topics", () => {
  test.each([
    ["succeeded", topics.successful],
    ["succeeded", topics.failed],
    ["failed", topics.failed],
    ["failed", topics.successful],
    ["cancelled", topics.failed],
    ["unexpected_error", topics.failed],
  ] as const)("a record with outcome %s on topic %s is a result", (ending, topic) => {
    const record = received(outcomeOf(ending), { topic });
    const result = expect.objectContaining({ is_success: ending === "succeeded" });
    expect(classify([record])).toEqual({ results: [{ result, record }], deadLetters: [], bad: [] });
  });

  test("anything else is bad, each record on its own, with the reason", () => {
    const good = received(outcomeOf("succeeded"));
    for (const record of unreadables()) {
      const { results, deadLetters, bad } = classify([record, good]);
      expect([results.map(({ record }) => record), deadLetters]).toEqual([[good], []]);
      expect(bad).toEqual([{ record, detail: expect.stringMatching(/^The .*\.$/) }]);
    }
  });

  test("a record of the maximum size is read, a larger one is not", () => {
    const empty = outcomeOf("succeeded", { outputsJson: '""' });
    const room = limits.recordBytesMax - String(empty.value).length;
    const sized = (bytes: number) =>
      received(outcomeOf("succeeded", { outputsJson: `"${"x".repeat(bytes)}"` }));
    expect(classify([sized(room)]).results).toHaveLength(1);
    const detail = `The value is larger than ${limits.recordBytesMax} bytes.`;
    expect(classify([sized(room + 1)]).bad).toMatchObject([{ detail }]);
  });
});

describe("on the dead letter queue", () => {
  test.each(["unexpected_error", "lost"] as const)(
    "the outcome %s is a dead letter and a failed result",
    (reason) => {
      const record = received(outcomeOf(reason));
      expect(classify([record])).toMatchObject({
        results: [{ result: { is_success: false, error: { code: reason } } }],
        deadLetters: [{ reason, value: record.value }],
        bad: [],
      });
    },
  );

  test("a refused attempt is only a dead letter", () => {
    const detail = "Failed executions: 3, allowed: 3.";
    const deadLetters = [{ reason: "max_failures", detail }];
    expect(classify([received(refusedExecution())])).toMatchObject({ results: [], deadLetters, bad: [] });
  });

  test("a record that cannot be read is a dead letter, and is never published again", () => {
    for (const { value } of unreadables()) {
      for (const reason of [undefined, "unreadable_record", "unexpected_error", "lost", "no such reason"]) {
        const headers = reason === undefined ? {} : { [headerNames.reason]: Buffer.from(reason) };
        const record = garbage(value, { topic: topics.deadLetters, headers });
        expect(classify([record])).toMatchObject({
          results: [],
          deadLetters: [{ value: record.value }],
          bad: [],
        });
      }
    }
  });

  test.each([
    ["unexpected_error", null],
    ["unexpected_error", "unreadable_record"],
    ["unexpected_error", "max_failures"],
    ["succeeded", "unexpected_error"],
  ] as const)("a dead letter with outcome %s and reason %p is not a result", (ending, reason) => {
    const headers = reason === null ? {} : { [headerNames.reason]: Buffer.from(reason) };
    const record = received(outcomeOf(ending), { topic: topics.deadLetters, headers });
    expect(classify([record])).toMatchObject({ results: [], deadLetters: [{ reason }], bad: [] });
  });
});
