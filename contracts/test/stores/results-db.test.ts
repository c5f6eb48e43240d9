import { expect, test } from "bun:test";
import {
  executionKey,
  limits,
  type ResultRecord,
  resultDocument,
  resultKeysAfter,
  resultOf,
  resultRow,
} from "../../src/index.ts";
import { hostilePayloads } from "../hostile-payloads.ts";
import { executionId, requestId, resultId, time } from "../records/builders.ts";

const success: ResultRecord = {
  id: resultId,
  request_id: requestId,
  attempt: 2,
  execution_id: executionId,
  is_success: true,
  processing_start_time: "2020-11-07 16:54:14.434825",
  processing_end_time: "2020-11-07 16:54:24.441799",
  processing_total_seconds: 10,
  outputs_json: "{}",
  force_error: false,
  creation_date: time,
  payload_json: "null",
};
const error = { code: "timeout", message: "\ud800 too late", of_a_later_version: { $where: 1 } };
const failure: ResultRecord = { ...success, is_success: false, force_error: true, error };

test("a result is unchanged after a document and after a row", () => {
  const texts = hostilePayloads.map((text) => ({ ...success, payload_json: text, outputs_json: text }));
  for (const result of [success, failure, ...texts]) {
    expect(resultOf(resultDocument(result))).toEqual(result);
    expect(resultOf(resultRow(result))).toEqual(result);
  }
  expect(resultDocument(success)).not.toHaveProperty("error");
});

test("the key range contains the results of a request's later attempts and no others", () => {
  const neighbours = ["c", "e", "0"].map((end) => `${requestId.slice(0, -1)}${end}`);
  const keysOf = (id: string, attempts: number[]) => attempts.map((attempt) => executionKey(id, attempt));
  const all = [1, 2, 10, limits.attemptMax];
  const keys = [...neighbours, requestId].flatMap((id) => keysOf(id, all));
  const between = (after: number) => {
    const { above, below } = resultKeysAfter(requestId, after);
    return keys.filter((key) => key > above && key < below);
  };
  expect(between(0)).toEqual(keysOf(requestId, all));
  expect(between(2)).toEqual(keysOf(requestId, [10, limits.attemptMax]));
  for (const after of [limits.attemptMax, 1_000_000, 1e21, Number.MAX_SAFE_INTEGER])
    expect(between(after)).toEqual([]);
});
