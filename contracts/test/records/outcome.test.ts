import { describe, expect, test } from "bun:test";
import { executionRecord, headerNames, limits, outcomeRecord, readOutcome, topics } from "../../src/index.ts";
import { hostilePayloads, randomJson } from "../random-json.ts";
import { received } from "../received.ts";
import {
  ended,
  execution,
  executionId,
  failed,
  requestId,
  resultId,
  run,
  succeeded,
  textOf,
  time,
  traceparent,
  withField,
  withValue,
} from "./builders.ts";

describe("an outcome", () => {
  test("of a success has the original's form and is read as its result", () => {
    const record = outcomeRecord({ ...run, traceparent }, succeeded);
    expect(record).toMatchObject({ topic: topics.successful, key: requestId });
    expect(record.headers).toEqual({ "schema-version": "1", traceparent });
    const { result_id, ...times } = ended;
    expect(JSON.parse(textOf(record))).toEqual({
      id: result_id,
      is_success: true,
      ...times,
      outputs: { message: "pong" },
      execution: JSON.parse(textOf(executionRecord(execution))),
    });
    expect(readOutcome(received(record))).toEqual({
      kind: "read",
      record: {
        id: resultId,
        request_id: requestId,
        attempt: 2,
        execution_id: executionId,
        is_success: true,
        ...times,
        outputs_json: '{"message":"pong"}',
        force_error: true,
        creation_date: time,
        payload_json: '{"message":"ping"}',
      },
    });
  });

  test("of any other status has an error and no outputs; unexpected errors and losses are dead letters", () => {
    const wanted = [
      { outcome: failed("failed", "forced_error"), topic: topics.failed, reason: undefined },
      { outcome: failed("cancelled", "cancelled"), topic: topics.failed, reason: undefined },
      {
        outcome: failed("dead_lettered", "unexpected_error"),
        topic: topics.deadLetters,
        reason: "unexpected_error",
      },
      {
        outcome: failed("dead_lettered", "outputs_too_large"),
        topic: topics.deadLetters,
        reason: "unexpected_error",
      },
      { outcome: failed("dead_lettered", "lost"), topic: topics.deadLetters, reason: "lost" },
    ];
    for (const { outcome, topic, reason } of wanted) {
      const record = outcomeRecord(run, outcome);
      expect([record.topic, record.headers[headerNames.reason]]).toEqual([topic, reason]);
      if (reason) {
        expect(record.headers[headerNames.deadLetterId]).toBe(resultId);
        expect(record.headers[headerNames.detail]).toBe("It failed.");
      }
      const reading = readOutcome(received(record));
      if (reading.kind !== "read") throw new Error(reading.detail);
      expect(reading.record).toMatchObject({ is_success: false, outputs_json: "{}" });
      expect(reading.record.error).toEqual(outcome.status === "succeeded" ? undefined : outcome.error);
    }
  });

  test("carries payload and outputs byte for byte", () => {
    const random = Array.from({ length: 500 }, (_, seed) => randomJson(seed).value(6));
    for (const text of [...hostilePayloads, ...random]) {
      const record = outcomeRecord({ ...run, payload_json: text }, { ...succeeded, outputs_json: text });
      const reading = readOutcome(received(record));
      if (reading.kind !== "read") throw new Error(`${reading.detail} ${text.slice(0, 200)}`);
      expect(reading.record.payload_json).toBe(text);
      expect(reading.record.outputs_json).toBe(text);
    }
    expect(({} as { admin?: unknown }).admin).toBeUndefined();
  });

  test("the last of repeated fields counts, for parsed fields and for texts", () => {
    const record = received(outcomeRecord(run, succeeded));
    const doubled = String(record.value).replace(/^\{/, '{"outputs":"first","execution":1,"\\u0069d":2,');
    expect(readOutcome(withValue(record, doubled))).toEqual(readOutcome(record));
  });

  test("is unreadable if a field is missing or of the wrong type", () => {
    const good = received(outcomeRecord(run, failed("failed", "x")));
    expect(readOutcome(good).kind).toBe("read");
    const wrong: [string[], unknown][] = [
      ...["id", "is_success", "processing_start_time", "outputs", "execution"].map(
        (field): [string[], unknown] => [[field], undefined],
      ),
      [["is_success"], "true"],
      [["processing_total_seconds"], -1],
      [["error"], { code: "" }],
      [["error"], { code: "x", message: "m".repeat(limits.errorMessageCharsMax + 1) }],
      [["execution", "attempt"], "1"],
      [["execution", "processing_request", "payload"], undefined],
    ];
    for (const [path, value] of wrong) {
      expect({ path, kind: readOutcome(withField(good, path, value)).kind }).toEqual({
        path,
        kind: "unreadable",
      });
    }
    const infinite = String(good.value).replace("10.006974", "1e400");
    expect(readOutcome(withValue(good, infinite)).kind).toBe("unreadable");
    expect(readOutcome(received(executionRecord(execution))).kind).toBe("unreadable");
  });
});
