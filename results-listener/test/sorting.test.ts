import { describe, expect, test } from "bun:test";
import { headerNames, limits, topics } from "@sate/contracts";
import { sortRecords } from "../src/sorting.ts";
import { garbage, outcomeOf, received, refusedExecution, unreadables } from "./records.ts";

describe("the two topics of outcomes", () => {
  test("outcomes are results", () => {
    const records = (["succeeded", "failed", "cancelled"] as const).map((end) => received(outcomeOf(end)));
    const { results, letters, unreadable } = sortRecords(records);
    expect(results.map(({ result }) => result.is_success)).toEqual([true, false, false]);
    expect(results.map(({ record }) => record)).toEqual(records);
    expect([letters, unreadable]).toEqual([[], []]);
  });

  test("an outcome on the wrong one of them is a result all the same", () => {
    const success = received(outcomeOf("succeeded"), { topic: topics.failed });
    const failure = received(outcomeOf("failed"), { topic: topics.successful });
    const unexpected = received(outcomeOf("unexpected_error"), { topic: topics.failed });
    const { results, unreadable } = sortRecords([success, failure, unexpected]);
    expect(results.map(({ result }) => result.is_success)).toEqual([true, false, false]);
    expect(unreadable).toEqual([]);
  });

  test("anything else is unreadable, each for itself, and says why", () => {
    const good = received(outcomeOf("succeeded"));
    for (const { name, value, headers } of unreadables()) {
      const bad = garbage(value, { topic: topics.failed, ...(headers && { headers }) });
      const { results, letters, unreadable } = sortRecords([bad, good]);
      expect({ name, results: results.length, letters }).toEqual({ name, results: 1, letters: [] });
      expect(unreadable.map(({ record }) => record)).toEqual([bad]);
      expect(unreadable[0]?.detail).toMatch(/^The .*\.$/);
    }
  });

  test("a record of the greatest size is read, a larger one is not", () => {
    const empty = outcomeOf("succeeded", { outputsJson: '""' });
    const room = limits.recordBytesMax - String(empty.value).length;
    const sized = (bytes: number) =>
      received(outcomeOf("succeeded", { outputsJson: `"${"x".repeat(bytes)}"` }));
    expect(sortRecords([sized(room)]).results).toHaveLength(1);
    const { unreadable } = sortRecords([sized(room + 1)]);
    expect(unreadable.map(({ detail }) => detail)).toEqual([
      `It is larger than ${limits.recordBytesMax} bytes.`,
    ]);
  });
});

describe("the dead letter queue", () => {
  test("an execution that ended unexpectedly is a letter, and a failed result", () => {
    for (const ending of ["unexpected_error", "lost"] as const) {
      const record = received(outcomeOf(ending));
      const { results, letters, unreadable } = sortRecords([record]);
      expect(results).toHaveLength(1);
      expect(results[0]?.result).toMatchObject({ is_success: false, error: { code: ending } });
      expect(letters).toHaveLength(1);
      expect(letters[0]).toMatchObject({ reason: ending, value: record.value });
      expect(unreadable).toEqual([]);
    }
  });

  test("a refused attempt is a letter alone", () => {
    const { results, letters } = sortRecords([received(refusedExecution())]);
    expect(results).toEqual([]);
    expect(letters[0]).toMatchObject({ reason: "max_failures", detail: "Failed executions: 3, allowed: 3." });
  });

  test("whatever cannot be read is a letter, and is never published again", () => {
    for (const { name, value } of unreadables()) {
      for (const reason of [undefined, "unreadable_record", "unexpected_error", "lost", "no such reason"]) {
        const headers = reason === undefined ? {} : { [headerNames.reason]: Buffer.from(reason) };
        const record = garbage(value, { topic: topics.deadLetters, headers });
        const { results, letters, unreadable } = sortRecords([record]);
        const readable = name === "a newer schema" && (reason === "unexpected_error" || reason === "lost");
        // It is a success, and no success is recorded from here.
        expect({ name, reason, readable, results }).toEqual({ name, reason, readable, results: [] });
        expect(letters.map((letter) => letter.value)).toEqual([record.value]);
        expect(unreadable).toEqual([]);
      }
    }
  });

  test("an outcome there without a reason, or with another, is no result", () => {
    for (const reason of [null, "unreadable_record", "max_failures"]) {
      const record = received(outcomeOf("unexpected_error"));
      if (reason === null) delete record.headers[headerNames.reason];
      else record.headers[headerNames.reason] = Buffer.from(reason);
      expect(sortRecords([record])).toMatchObject({ results: [], unreadable: [], letters: [{ reason }] });
    }
  });

  test("a success there is no result, whatever its reason", () => {
    const record = received(outcomeOf("succeeded"), { topic: topics.deadLetters });
    record.headers[headerNames.reason] = Buffer.from("unexpected_error");
    expect(sortRecords([record])).toMatchObject({ results: [], letters: [{ reason: "unexpected_error" }] });
  });
});

test("nothing is nothing, and a topic that nobody knows is unreadable", () => {
  expect(sortRecords([])).toEqual({ results: [], letters: [], unreadable: [] });
  const stranger = garbage("{}", { topic: "some_topic" });
  expect(sortRecords([stranger]).unreadable).toHaveLength(1);
});
