import { expect, test } from "bun:test";
import { executionRecord, limits, readExecution, topics } from "../../src/index.ts";
import {
  execution,
  executionId,
  received,
  requestId,
  textOf,
  time,
  traceparent,
  withField,
  withValue,
} from "./builders.ts";

const record = executionRecord({ ...execution, traceparent });
const good = received(record);

test("the wake-up for an execution has the original's form and names its execution", () => {
  expect(record).toMatchObject({ topic: topics.executions, key: requestId });
  expect(record.headers).toEqual({ "schema-version": "1", traceparent });
  expect(textOf(record)).toBe(
    `{"id":"${executionId}","attempt":2,"force_error":true,"creation_date":"${time}","processing_request":{"id":"${requestId}","payload":{"message":"ping"}}}`,
  );
  const ref = { request_id: requestId, attempt: 2, execution_id: executionId };
  expect(readExecution(good)).toEqual({ kind: "read", record: ref });
});

const bare = { ...good, headers: {} };
test.each([
  ["without headers", bare],
  ["with a new field", withField(bare, ["new"], { of: ["later"] })],
  ["with a new field of its request", withField(bare, ["processing_request", "new"], 1)],
  ["at the largest attempt", withField(good, ["attempt"], limits.attemptMax)],
])("it is read %s", (_, one) => expect(readExecution(one).kind).toBe("read"));

test.each([
  [{ ...good, headers: { "schema-version": Buffer.from("999") } }, "The schema version is not 1."],
  [withValue(good, null), "The record has no value."],
  [withValue(good, new Uint8Array([0xff])), "The value is not valid UTF-8."],
  [withValue(good, "{secret"), "The value is not valid JSON."],
  [withValue(good, "[".repeat(200_000)), "The value is nested too deeply."],
  [withValue(good, '"secret"'), "The field / is invalid: Expected object."],
])("a record that is none is unreadable, and the reason does not repeat it", (one, detail) => {
  expect(readExecution(one)).toEqual({ kind: "unreadable", detail });
});

test.each<[string[], unknown]>([
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
])("with %p = %p it is unreadable", (path, value) => {
  const detail = expect.stringMatching(/^The field .* is invalid: .*\.$/);
  expect(readExecution(withField(good, path, value))).toEqual({ kind: "unreadable", detail });
});
