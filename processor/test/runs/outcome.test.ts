import { describe, expect, test } from "bun:test";
import { cancelled, limits, Outcome } from "@sate/contracts";
import { TypeCompiler } from "@sinclair/typebox/compiler";
import { outcomeOf, type RunEnd, readHandlerEnd, readThrown, timedOut } from "../../src/runs/outcome.ts";

const resultId = Bun.randomUUIDv7();
const isOutcome = TypeCompiler.Compile(Outcome);

/** Whatever the end, the outcome is one by the contract: otherwise requests-service could never take it. */
function decided(end: RunEnd) {
  const outcome = outcomeOf(end, {
    ...{ resultId, startedAtMs: 1_604_766_718_103, elapsedMs: 1_500.25 },
    ...{ tries: 2, version: "v7" },
  });
  expect(isOutcome.Check(outcome)).toBe(true);
  return outcome;
}

const succeeded = (outputsJson: string) => decided(readHandlerEnd({ kind: "succeeded", outputsJson }).end);
const failed = (code: string, message: string) =>
  decided(readHandlerEnd({ kind: "failed", error: { code, message } }).end);
const unexpected = (message: string) => ({
  status: "dead_lettered",
  error: { code: "unexpected_error", message },
});

test("times are those that were measured, the end being the start plus the duration", () => {
  expect(succeeded('{"message":"pong"}')).toEqual({
    status: "succeeded",
    outputs_json: '{"message":"pong"}',
    result_id: resultId,
    processing_start_time: "2020-11-07 16:31:58.103000",
    processing_end_time: "2020-11-07 16:31:59.603250",
    processing_total_seconds: 1.50025,
    tries: 2,
    processor_version: "v7",
  });
});

test.each([cancelled, timedOut(300)])("an end by Sate is an outcome: %j", (end) => {
  expect(decided(end)).toMatchObject(end);
});

describe("outputs", () => {
  test("stay as they are, byte for byte", () => {
    const text = '{"2":1e400,"1":9007199254740993,"__proto__":null,"a":"\\ud800","a":-0}';
    expect(succeeded(text)).toMatchObject({ status: "succeeded", outputs_json: text });
  });

  const isTooLarge = { status: "failed", error: { code: "outputs_too_large" } };

  test("of exactly the limit in UTF-8 bytes are accepted, and one byte more is refused", () => {
    const letters = (count: number) => JSON.stringify("é".repeat(count));
    const most = (limits.outputsBytesMax - 2) / 2;
    expect(succeeded(letters(most)).status).toBe("succeeded");
    expect(succeeded(`${letters(most)} `)).toMatchObject(isTooLarge);
    expect(succeeded("x".repeat(100_000_000))).toMatchObject(isTooLarge);
  });

  test("nested deeper than the limit are refused", () => {
    const nested = (depth: number) => "[".repeat(depth) + "]".repeat(depth);
    expect(succeeded(nested(limits.nestingMax)).status).toBe("succeeded");
    expect(succeeded(nested(limits.nestingMax + 1))).toMatchObject(isTooLarge);
    expect(succeeded("[".repeat(200_000)).status).toBe("failed");
  });

  test.each(["", "{", "pong", "NaN", '"\ud800"'])(
    "that are not JSON text are a failure with a code of its own (%#)",
    (text) => {
      const error = { code: "outputs_not_json", message: "The outputs are not JSON." };
      expect(succeeded(text)).toMatchObject({ status: "failed", error });
    },
  );
});

test("a failure has the code and message that the handler reported, cut to the limits", () => {
  expect(failed("no_such_file", "There is no such file.")).toMatchObject({
    status: "failed",
    error: { code: "no_such_file", message: "There is no such file." },
  });
  expect(failed("c".repeat(200), "m")).toMatchObject({ error: { code: "c".repeat(100) } });
});

test("every member is read once, so it cannot change between check and use", () => {
  let reads = 0;
  const given = {
    kind: "succeeded",
    get outputsJson() {
      return reads++ === 0 ? "1" : 7;
    },
  };
  expect(readHandlerEnd(given).end).toEqual({ status: "succeeded", outputs_json: "1" });
});

const words = { code: "empty", message: "There is nothing." };
test.each([
  [undefined],
  [null],
  ["pong"],
  [7],
  [{}],
  [{ kind: "other", outputsJson: "1", error: words }],
  [{ kind: "succeeded" }],
  [{ kind: "succeeded", outputsJson: null }],
  [{ kind: "succeeded", outputsJson: { message: "pong" } }],
  [{ kind: "failed" }],
  [{ kind: "failed", error: null }],
  [{ kind: "failed", error: { ...words, code: "" } }],
  [{ kind: "failed", error: { ...words, code: 1 } }],
  [{ kind: "failed", error: { code: "x" } }],
  [{ kind: "cancelled" }],
  [{ kind: "timeout", deadlineMs: 1 }],
])("a handler may not return %j", (given) => {
  expect(decided(readHandlerEnd(given).end)).toMatchObject(
    unexpected("The processor did not return a valid result."),
  );
});

describe("the end of a run whose handler threw", () => {
  const named = (name: unknown) => Object.defineProperty(new Error("secret"), "name", { value: name });
  const fail = () => {
    throw new Error("a trap");
  };
  const unreadable = new Proxy(new Error("secret"), { get: fail, getPrototypeOf: fail });
  test.each([
    ["TypeError", () => new TypeError("secret")],
    ["Error", () => named("password is 1234 ".repeat(20))],
    ["Error", () => named({ toString: () => "TypeError" })],
    ["Error", () => named(undefined)],
    ["Error", () => Object.defineProperty(new Error("secret"), "name", { get: fail })],
    ["Error", () => unreadable],
    ["string", () => "a secret string"],
    ["undefined", () => undefined],
    ["object", () => null],
    ["function", () => () => "secret"],
  ])("has the class of what was thrown and nothing of its text: %s (%#)", (name, thrown) => {
    const { verdict, fields } = readThrown(thrown());
    const message = `The processor threw an unexpected error (${name}).`;
    expect(decided(verdict.end)).toMatchObject(unexpected(message));
    expect(fields.error).toBe(name);
  });

  test("comes with a code and a cause for the log", () => {
    const cause = Object.assign(new Error("secret"), { code: "ECONNREFUSED" });
    expect(readThrown(new TypeError("secret", { cause })).fields).toMatchObject({
      error: "TypeError",
      cause: "Error ECONNREFUSED",
    });
  });
});
