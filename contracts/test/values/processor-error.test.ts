import { describe, expect, test } from "bun:test";
import { sateErrorCodes } from "../../src/values/execution.ts";
import { limits } from "../../src/values/limits.ts";
import { processorError } from "../../src/values/processor-error.ts";

describe("the message of an error", () => {
  const messageOf = (message: string) => processorError("failed", { code: "c", message }).message;
  const most = limits.errorMessageBytesMax;

  test("is cut to its limit in UTF-8 bytes, between two characters", () => {
    expect(messageOf("m".repeat(most))).toBe("m".repeat(most));
    expect(messageOf("m".repeat(100_000_000))).toBe("m".repeat(most));
    expect(messageOf("😀".repeat(most))).toBe("😀".repeat(most / 4));
    expect(messageOf(`a${"😀".repeat(most)}`)).toBe(`a${"😀".repeat(most / 4 - 1)}`);
    expect(messageOf(`${"é".repeat(most / 2 - 1)}\u0000`)).toBe(`${"é".repeat(most / 2 - 1)}\\u`);
  });

  test("has its control characters escaped, and its lone surrogates replaced", () => {
    expect(messageOf("a\nb\tc\u0000\u001b[31m\u007f\u0085\ud800")).toBe(
      "a\\nb\\tc\\u0000\\u001b[31m\\u007f\\u0085\ufffd",
    );
  });
});

describe("the code shows who ended a run", () => {
  test.each(sateErrorCodes)("a processor that calls its own failure %s gets a prefix", (code) => {
    expect(processorError("failed", { code, message: "m" })).toEqual({
      code: `processor_${code}`,
      message: "m",
    });
  });

  test.each(["process_died", "unexpected_error"])("a handler that broke keeps the code %s", (code) => {
    expect(processorError("broken", { code, message: "m" }).code).toBe(code);
    expect(processorError("broken", { code: "lost", message: "m" }).code).toBe("processor_lost");
  });
});
