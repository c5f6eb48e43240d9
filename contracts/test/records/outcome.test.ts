import { expect, test } from "bun:test";
import * as fc from "fast-check";
import { executionRecord, headerNames, limits, outcomeRecord, readOutcome, topics } from "../../src/index.ts";
import { jsonValueOfDepth } from "../any-json.ts";
import { hostilePayloads } from "../hostile-payloads.ts";
import {
  ended,
  execution,
  executionId,
  failed,
  received,
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

test("the outcome of a success has the original's form and is read as its result", () => {
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

test.each([
  ["failed", "forced_error", topics.failed, undefined],
  ["cancelled", "cancelled", topics.failed, undefined],
  ["dead_lettered", "unexpected_error", topics.deadLetters, "unexpected_error"],
  ["dead_lettered", "outputs_too_large", topics.deadLetters, "unexpected_error"],
  ["dead_lettered", "lost", topics.deadLetters, "lost"],
] as const)("the outcome %s (%s) has an error and no outputs, on %s", (status, code, topic, reason) => {
  const record = outcomeRecord(run, failed(status, code));
  expect(record.topic).toBe(topic);
  const { reason: given, [headerNames.deadLetterId]: id, [headerNames.detail]: detail } = record.headers;
  expect([given, id, detail]).toEqual(
    reason ? [reason, resultId, "It failed."] : [undefined, undefined, undefined],
  );
  expect(readOutcome(received(record))).toMatchObject({
    record: { is_success: false, outputs_json: "{}", error: { code, message: "It\nfailed." } },
  });
});

test("payload and outputs are carried byte for byte", () => {
  const carried = (text: string) => {
    const record = outcomeRecord({ ...run, payload_json: text }, { ...succeeded, outputs_json: text });
    expect(readOutcome(received(record))).toMatchObject({
      record: { payload_json: text, outputs_json: text },
    });
  };
  hostilePayloads.forEach(carried);
  fc.assert(fc.property(jsonValueOfDepth(limits.nestingMax), carried));
});

test("the last of repeated fields counts, for parsed fields and for texts", () => {
  const record = received(outcomeRecord(run, succeeded));
  const doubled = String(record.value).replace(/^\{/, '{"outputs":"first","execution":1,"\\u0069d":2,');
  expect(readOutcome(withValue(record, doubled))).toEqual(readOutcome(record));
});

const good = received(outcomeRecord(run, failed("failed", "x")));

test.each<[string[], unknown]>([
  [["id"], undefined],
  [["is_success"], undefined],
  [["is_success"], "true"],
  [["processing_start_time"], undefined],
  [["processing_total_seconds"], -1],
  [["outputs"], undefined],
  [["error"], { code: "" }],
  [["error"], { code: "x", message: "m".repeat(limits.errorMessageBytesMax + 1) }],
  [["execution"], undefined],
  [["execution", "attempt"], "1"],
  [["execution", "processing_request", "payload"], undefined],
])("an outcome whose field %p is missing or of another type is unreadable", (path, value) => {
  expect(readOutcome(withField(good, path, value)).kind).toBe("unreadable");
});

test("a time without end, and the record of an execution, are no outcome", () => {
  const infinite = String(good.value).replace("10.006974", "1e400");
  expect(readOutcome(withValue(good, infinite)).kind).toBe("unreadable");
  expect(readOutcome(received(executionRecord(execution))).kind).toBe("unreadable");
});
