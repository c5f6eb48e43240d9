import { describe, expect, test } from "bun:test";
import { limits, Outcome } from "@sate/contracts";
import { TypeCompiler } from "@sinclair/typebox/compiler";
import { decideOutcome, type RunEnd } from "../src/outcome.ts";

const measured = { resultId: Bun.randomUUIDv7(), startedAtMs: 1_604_766_718_103, elapsedMs: 1_500.25 };
const isOutcome = TypeCompiler.Compile(Outcome);

/** Whatever the end, the outcome is one by the contract: otherwise requests-service could never take it. */
function decided(end: RunEnd) {
  const outcome = decideOutcome(end, measured);
  expect(isOutcome.Check(outcome)).toBe(true);
  return outcome;
}

const succeeded = (outputsJson: unknown) =>
  decided({ kind: "succeeded", outputsJson: outputsJson as string });
const failed = (error: unknown) => decided({ kind: "failed", error: error as never });

test("times are those that were measured, the end being the start plus the duration", () => {
  expect(succeeded('{"message":"pong"}')).toEqual({
    status: "succeeded",
    outputs_json: '{"message":"pong"}',
    result_id: measured.resultId,
    processing_start_time: "2020-11-07 16:31:58.103000",
    processing_end_time: "2020-11-07 16:31:59.603250",
    processing_total_seconds: 1.50025,
  });
});

describe("outputs", () => {
  test("stay as they are, byte for byte", () => {
    const text = '{"2":1e400,"1":9007199254740993,"__proto__":null,"a":"\\ud800","a":-0}';
    expect(succeeded(text)).toMatchObject({ status: "succeeded", outputs_json: text });
  });

  test("of the limit are taken, of one byte more are not, counted in UTF-8", () => {
    const letters = (count: number) => JSON.stringify("é".repeat(count));
    const most = (limits.outputsBytesMax - 2) / 2;
    expect(succeeded(letters(most)).status).toBe("succeeded");
    const code = "outputs_too_large";
    expect(succeeded(`${letters(most)} `)).toMatchObject({ status: "failed", error: { code } });
    expect(succeeded("x".repeat(100_000_000))).toMatchObject({ status: "failed", error: { code } });
  });

  test("nested deeper than any reader reads are refused", () => {
    const nested = (depth: number) => "[".repeat(depth) + "]".repeat(depth);
    expect(succeeded(nested(limits.nestingMax)).status).toBe("succeeded");
    expect(succeeded(nested(limits.nestingMax + 1))).toMatchObject({
      status: "failed",
      error: { code: "outputs_too_large" },
    });
    expect(succeeded("[".repeat(200_000)).status).toBe("failed");
  });

  test.each(["", "{", "pong", "NaN", '"\ud800"', undefined, null, 7, { message: "pong" }])(
    "that are not JSON text are an unexpected error (%#)",
    (outputs) => {
      expect(succeeded(outputs)).toMatchObject({
        status: "dead_lettered",
        error: { code: "unexpected_error" },
      });
    },
  );
});

describe("failures", () => {
  test("are the handler's own words, cut to the limits", () => {
    expect(failed({ code: "no_such_file", message: "There is no such file." })).toMatchObject({
      status: "failed",
      error: { code: "no_such_file", message: "There is no such file." },
    });
    const long = failed({ code: "c".repeat(200), message: "😀".repeat(limits.errorMessageCharsMax) });
    expect(long.status).toBe("failed");
    const cut = failed({ code: "c", message: `a${"😀".repeat(limits.errorMessageCharsMax)}` });
    expect(cut).toMatchObject({ error: { message: expect.stringMatching(/\ufffd$/u) } });
  });

  test.each([undefined, null, {}, { code: "", message: "x" }, { code: 1, message: "x" }, { code: "x" }])(
    "without words are an unexpected error (%#)",
    (error) => expect(failed(error).status).toBe("dead_lettered"),
  );
});

test.each([undefined, null, "pong", {}, { kind: "other" }])(
  "what is no answer is an unexpected error (%#)",
  (end) => {
    expect(decided((end ?? {}) as RunEnd)).toMatchObject({ status: "dead_lettered" });
  },
);

describe("what was thrown", () => {
  class Secret extends Error {
    override name = "password is 1234 ".repeat(20);
  }
  test.each([
    ["TypeError", () => new TypeError("secret")],
    ["Error", () => new Secret("secret")],
    ["string", () => "a secret string"],
    ["undefined", () => undefined],
  ])("shows its kind and nothing of its text: %s", (name, thrown) => {
    const error = thrown();
    expect(decided({ kind: "threw", error })).toMatchObject({
      status: "dead_lettered",
      error: { code: "unexpected_error", message: `The processor failed unexpectedly (${name}).` },
    });
  });
});
