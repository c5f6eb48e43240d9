import { describe, expect, test } from "bun:test";
import { limits, Outcome } from "@sate/contracts";
import { TypeCompiler } from "@sinclair/typebox/compiler";
import { decideOutcome } from "../../src/runs/decide-outcome.ts";
import type { RunEnd } from "../../src/runs/run-end.ts";

const measured = { resultId: Bun.randomUUIDv7(), startedAtMs: 1_604_766_718_103, elapsedMs: 1_500.25 };
const isOutcome = TypeCompiler.Compile(Outcome);

/** Whatever the end, the outcome is one by the contract: otherwise requests-service could never take it. */
function decided(end: RunEnd) {
  const outcome = decideOutcome(end, measured);
  expect(isOutcome.Check(outcome)).toBe(true);
  return outcome;
}

const succeeded = (outputsJson: string) => decided({ kind: "succeeded", outputsJson });
const failed = (code: string, message: string) => decided({ kind: "failed", error: { code, message } });

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

  test.each(["", "{", "pong", "NaN", '"\ud800"'])(
    "that are not JSON text are an unexpected error (%#)",
    (outputs) => {
      expect(succeeded(outputs)).toMatchObject({
        status: "dead_lettered",
        error: { code: "unexpected_error" },
      });
    },
  );
});

test("a failure has the code and message that the handler reported, cut to the limits", () => {
  expect(failed("no_such_file", "There is no such file.")).toMatchObject({
    status: "failed",
    error: { code: "no_such_file", message: "There is no such file." },
  });
  expect(failed("c".repeat(200), "😀".repeat(limits.errorMessageCharsMax)).status).toBe("failed");
  expect(failed("c", `a${"😀".repeat(limits.errorMessageCharsMax)}`)).toMatchObject({
    error: { message: expect.stringMatching(/\ufffd$/u) },
  });
});

test("what is not a result, and an exception, are dead-lettered", () => {
  expect(decided({ kind: "invalid" })).toMatchObject({
    status: "dead_lettered",
    error: { code: "unexpected_error", message: "The processor did not return a valid result." },
  });
  expect(decided({ kind: "threw", name: "TypeError" })).toMatchObject({
    status: "dead_lettered",
    error: { code: "unexpected_error", message: "The processor threw an unexpected error (TypeError)." },
  });
});
