import { describe, expect, test } from "bun:test";
import {
  executionRecord,
  headerNames,
  headerOf,
  type IncomingRecord,
  limits,
  type Outcome,
  outcomeRecord,
  type Reading,
  readExecution,
  readOutcome,
  refusedExecutionRecord,
  topics,
  unreadableRecord,
} from "../../src/index.ts";
import { hostilePayloads, randomJson } from "../random-json.ts";
import { received } from "../received.ts";

const requestId = "01976b1e-7f0e-7000-8f0a-4b9b2f0a6c1d";
const executionId = "01976b1e-7f0e-7000-8f0a-4b9b2f0a6c1e";
const resultId = "01976b1e-7f0e-7000-8f0a-4b9b2f0a6c1f";
const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const time = "2020-11-07 16:31:58.103057";

const execution = {
  id: executionId,
  attempt: 2,
  force_error: true,
  creation_date: time,
  request_id: requestId,
  payload_json: '{"message":"ping"}',
};
const run = { ...execution, execution_id: executionId };
const ended = {
  result_id: resultId,
  processing_start_time: "2020-11-07 16:54:14.434825",
  processing_end_time: "2020-11-07 16:54:24.441799",
  processing_total_seconds: 10.006974,
};
const succeeded: Outcome = { status: "succeeded", ...ended, outputs_json: '{"message":"pong"}' };
const failed = (status: "failed" | "dead_lettered" | "cancelled", code: string): Outcome => ({
  status,
  ...ended,
  error: { code, message: "It\nfailed." },
});

const textOf = (record: { value: string | Uint8Array | null }) => String(record.value);
const problemOf = (reading: Reading<unknown>) => (reading.kind === "unreadable" ? reading.detail : "read");

/** The same record with other bytes. */
function withValue(record: IncomingRecord, value: string | Uint8Array | null): IncomingRecord {
  return { ...record, value: value === null ? null : Buffer.from(value) };
}

/** The same record with one field, at a path, changed or (`undefined`) gone. */
function withField(record: IncomingRecord, path: string[], value: unknown): IncomingRecord {
  const message = JSON.parse(String(record.value));
  const owner = path.slice(0, -1).reduce((object, key) => object[key], message);
  owner[path.at(-1) as string] = value;
  return withValue(record, JSON.stringify(message));
}

describe("the wake-up of an execution", () => {
  const record = executionRecord({ ...execution, traceparent });

  test("has the original's form, and says which execution it means", () => {
    expect(record).toMatchObject({ topic: topics.executions, key: requestId });
    expect(record.headers).toEqual({ "schema-version": "1", traceparent });
    expect(textOf(record)).toBe(
      `{"id":"${executionId}","attempt":2,"force_error":true,"creation_date":"${time}","processing_request":{"id":"${requestId}","payload":{"message":"ping"}}}`,
    );
    const ref = { request_id: requestId, attempt: 2, execution_id: executionId };
    expect(readExecution(received(record))).toEqual({ kind: "read", record: ref });
  });

  test("is read without headers, and with fields that are not known", () => {
    const bare = { ...received(record), headers: {} };
    expect(readExecution(bare).kind).toBe("read");
    expect(readExecution(withField(bare, ["new"], { of: ["later"] })).kind).toBe("read");
    expect(readExecution(withField(bare, ["processing_request", "new"], 1)).kind).toBe("read");
  });

  test("is unreadable when it is anything else, and says why without repeating it", () => {
    const good = received(record);
    const newer = { ...good, headers: { "schema-version": Buffer.from("999") } };
    expect(problemOf(readExecution(newer))).toBe("Its schema version is not 1.");
    expect(problemOf(readExecution(withValue(good, null)))).toBe("It has no value.");
    expect(problemOf(readExecution(withValue(good, new Uint8Array([0xff]))))).toBe("Its value is not UTF-8.");
    expect(problemOf(readExecution(withValue(good, "{secret")))).toBe("Its value is not JSON.");
    expect(problemOf(readExecution(withValue(good, "[".repeat(200_000))))).toBe(
      "Its value is nested too deep.",
    );
    for (const text of ["null", "[]", '"secret"', "{}", "1"]) {
      const problem = problemOf(readExecution(withValue(good, text)));
      expect(problem).toStartWith("Its field ");
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

describe("an outcome", () => {
  test("of a success has the original's form, and reads as its result", () => {
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

  test("of any other end has no outputs and an error; the unexpected ones are dead letters", () => {
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

  test("carries payload and outputs byte for byte, there and back", () => {
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

  test("of repeated fields the last counts, for all that is read of it", () => {
    const record = received(outcomeRecord(run, succeeded));
    const doubled = String(record.value).replace(/^\{/, '{"outputs":"first","execution":1,"\\u0069d":2,');
    expect(readOutcome(withValue(record, doubled))).toEqual(readOutcome(record));
  });

  test("is unreadable when a field is missing or of the wrong kind", () => {
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

test("the dead letter of a refused execution is the execution, with the reason", () => {
  const record = refusedExecutionRecord({ ...execution, traceparent }, "It has failed 3 times.");
  expect(record).toMatchObject({ topic: topics.deadLetters, key: requestId });
  expect(record.value).toBe(executionRecord(execution).value);
  expect(record.headers).toEqual({
    "schema-version": "1",
    traceparent,
    reason: "max_failures",
    "dead-letter-id": executionId,
    detail: "It has failed 3 times.",
  });
  const { attempt: _, ...withoutAttempt } = execution;
  expect(refusedExecutionRecord(withoutAttempt, "").value).not.toContain("attempt");
});

describe("the dead letter of a record that cannot be read", () => {
  const place = {
    topic: topics.failed,
    partition: 7,
    offset: "9223372036854775807",
    timestamp: "1604766718103",
  };
  const garbage = (parts: Partial<IncomingRecord>): IncomingRecord => ({
    ...place,
    key: null,
    value: null,
    headers: {},
    ...parts,
  });
  const allBytes = Uint8Array.from({ length: 256 }, (_, index) => index);

  test("has its bytes, its place, its headers and why", () => {
    const headers = Object.fromEntries([
      ["schema-version", Buffer.from("999")],
      ["__proto__", allBytes],
    ]);
    const record = unreadableRecord(
      garbage({ key: allBytes, value: allBytes, headers }),
      "Its\tvalue\u0000 is\r\nodd.",
    );
    expect(record).toMatchObject({ topic: topics.deadLetters, key: allBytes, value: allBytes });
    const { [headerNames.originHeaders]: originHeaders, ...rest } = record.headers;
    expect(rest).toEqual({
      "schema-version": "1",
      reason: "unreadable_record",
      "dead-letter-id": "failed_executions/7/9223372036854775807/1604766718103",
      "origin-topic": topics.failed,
      "origin-partition": "7",
      "origin-offset": "9223372036854775807",
      "origin-key": Buffer.from(allBytes).toString("base64"),
      detail: "Its value  is  odd.",
    });
    const base64 = Buffer.from(allBytes).toString("base64");
    expect(originHeaders).toBe(
      `{"schema-version":"${Buffer.from("999").toString("base64")}","__proto__":"${base64}"}`,
    );
  });

  test("is the same in every repetition, without key and value too", () => {
    const bare = garbage({});
    expect(unreadableRecord(bare, "x")).toEqual(unreadableRecord(bare, "x"));
    expect(unreadableRecord(bare, "x")).toMatchObject({ key: null, value: null });
    expect(unreadableRecord(bare, "x").headers).not.toHaveProperty(headerNames.originKey);
    expect(unreadableRecord(bare, "m".repeat(2_000)).headers.detail).toHaveLength(
      limits.errorMessageCharsMax,
    );
  });

  test("keeps all of a record at the limit, and is cut, saying so, past it", () => {
    const { recordBytesMax, originBytesMax } = limits;
    const atLimit = unreadableRecord(
      garbage({ value: new Uint8Array(recordBytesMax), key: new Uint8Array(originBytesMax) }),
      "x",
    );
    expect([atLimit.value?.length, atLimit.key?.length]).toEqual([recordBytesMax, originBytesMax]);
    expect(atLimit.headers).not.toHaveProperty(headerNames.cut);
    const past = unreadableRecord(
      garbage({
        value: new Uint8Array(recordBytesMax + 1),
        key: new Uint8Array(originBytesMax + 1),
        headers: { large: new Uint8Array(originBytesMax) },
      }),
      "x",
    );
    expect([past.value?.length, past.key, past.headers[headerNames.originHeaders]]).toEqual([
      recordBytesMax,
      null,
      "{}",
    ]);
    expect(past.headers[headerNames.cut]).toMatch(
      /^key of 1048577 bytes left out; headers of \d+ bytes left out; value cut to 8388608 of 8388609 bytes$/,
    );
  });

  test("fits into the dead letter queue, however large its parts are", () => {
    const name = "\u0001".repeat(100_000);
    const headers = { [name]: new Uint8Array(300_000), other: new Uint8Array(100_000) };
    const parts = { key: new Uint8Array(limits.originBytesMax), value: new Uint8Array(20_000_000), headers };
    const record = unreadableRecord(garbage(parts), "x");
    const carried = Object.entries(record.headers).flat();
    const bytes =
      (record.value?.length ?? 0) + (record.key?.length ?? 0) + Buffer.byteLength(carried.join(""));
    expect(bytes).toBeLessThan(limits.deadLetterBytesMax - 64 * 1024);
  });
});

test("a header is found by its own name alone", () => {
  const record = received(executionRecord(execution));
  expect(headerOf(record, "schema-version")).toBe("1");
  expect(headerOf(record, "constructor")).toBeUndefined();
  expect(headerOf(record, "__proto__")).toBeUndefined();
  const odd = { ...record, headers: { reason: new Uint8Array([0xff, 0x61]) } };
  expect(headerOf(odd, "reason")).toBe("\ufffda");
});
