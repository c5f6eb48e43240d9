import { describe, expect, test } from "bun:test";
import { executionRecord, limits, readExecution, topics } from "../../src/index.ts";
import { received } from "../received.ts";
import {
  detailOf,
  execution,
  executionId,
  requestId,
  textOf,
  time,
  traceparent,
  withField,
  withValue,
} from "./builders.ts";

describe("the wake-up for an execution", () => {
  const record = executionRecord({ ...execution, traceparent });

  test("has the original's form and names its execution", () => {
    expect(record).toMatchObject({ topic: topics.executions, key: requestId });
    expect(record.headers).toEqual({ "schema-version": "1", traceparent });
    expect(textOf(record)).toBe(
      `{"id":"${executionId}","attempt":2,"force_error":true,"creation_date":"${time}","processing_request":{"id":"${requestId}","payload":{"message":"ping"}}}`,
    );
    const ref = { request_id: requestId, attempt: 2, execution_id: executionId };
    expect(readExecution(received(record))).toEqual({ kind: "read", record: ref });
  });

  test("is read without headers and with unknown fields", () => {
    const bare = { ...received(record), headers: {} };
    expect(readExecution(bare).kind).toBe("read");
    expect(readExecution(withField(bare, ["new"], { of: ["later"] })).kind).toBe("read");
    expect(readExecution(withField(bare, ["processing_request", "new"], 1)).kind).toBe("read");
  });

  test("is unreadable in any other form, and the reason does not repeat the record", () => {
    const good = received(record);
    const newer = { ...good, headers: { "schema-version": Buffer.from("999") } };
    expect(detailOf(readExecution(newer))).toBe("The schema version is not 1.");
    expect(detailOf(readExecution(withValue(good, null)))).toBe("The record has no value.");
    expect(detailOf(readExecution(withValue(good, new Uint8Array([0xff]))))).toBe(
      "The value is not valid UTF-8.",
    );
    expect(detailOf(readExecution(withValue(good, "{secret")))).toBe("The value is not valid JSON.");
    expect(detailOf(readExecution(withValue(good, "[".repeat(200_000))))).toBe(
      "The value is nested too deeply.",
    );
    for (const text of ["null", "[]", '"secret"', "{}", "1"]) {
      const problem = detailOf(readExecution(withValue(good, text)));
      expect(problem).toStartWith("The field ");
      expect(problem).not.toContain("secret");
    }
    const wrong: [string[], unknown][] = [
      [["id"], executionId.toUpperCase()],
      [["id"], `${executionId}\n`],
      [["attempt"], 0],
      [["attempt"], 1.5],
      [["attempt"], limits.attemptMax + 1],
      [["attempt"], undefined],
      [["force_error"], "yes"],
      [["creation_date"], "2020-11-07T16:31:58Z"],
      [["processing_request"], undefined],
      [["processing_request", "id"], 1],
      [["processing_request", "payload"], undefined],
    ];
    for (const [path, value] of wrong) {
      const reading = readExecution(withField(good, path, value));
      expect({ path, value, kind: reading.kind }).toEqual({ path, value, kind: "unreadable" });
    }
    expect(readExecution(withField(good, ["attempt"], limits.attemptMax)).kind).toBe("read");
  });
});
