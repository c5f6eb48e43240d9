import { describe, expect, test } from "bun:test";
import { readHandlerEnd, readThrown } from "../../src/runs/run-end.ts";

const words = { code: "empty", message: "There is nothing." };

test("outputs and failures are copied, without anything else that stands beside them", () => {
  expect(readHandlerEnd({ kind: "succeeded", outputsJson: "1", status: "x" })).toEqual({
    kind: "succeeded",
    outputsJson: "1",
  });
  expect(readHandlerEnd({ kind: "failed", error: { ...words, stack: "x" } })).toEqual({
    kind: "failed",
    error: words,
  });
});

test("every member is read once, so it cannot change between the check and its use", () => {
  let reads = 0;
  const given = {
    kind: "succeeded",
    get outputsJson() {
      return reads++ === 0 ? "1" : 7;
    },
  };
  expect(readHandlerEnd(given)).toEqual({ kind: "succeeded", outputsJson: "1" });
});

test.each([
  [undefined],
  [null],
  ["pong"],
  [7],
  [{}],
  [{ kind: "other" }],
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
  [{ kind: "threw", name: "x" }],
  [{ kind: "unknown_processor" }],
])("a handler may not return %j", (given) => {
  expect(readHandlerEnd(given)).toEqual({ kind: "invalid" });
});

describe("the name of what was thrown", () => {
  const named = (name: unknown) => Object.defineProperty(new Error("secret"), "name", { value: name });
  test.each([
    ["TypeError", () => new TypeError("secret")],
    ["Error", () => named("password is 1234 ".repeat(20))],
    ["Error", () => named({ toString: () => "TypeError" })],
    ["Error", () => named(undefined)],
    ["string", () => "a secret string"],
    ["undefined", () => undefined],
    ["object", () => null],
    ["function", () => () => "secret"],
  ])("is its class and nothing of its text: %s (%#)", (name, thrown) =>
    expect(readThrown(thrown()).name).toBe(name),
  );

  test("comes with its code and cause for the log", () => {
    const cause = Object.assign(new Error("secret"), { code: "ECONNREFUSED" });
    expect(readThrown(new TypeError("secret", { cause })).fields).toMatchObject({
      error: "TypeError",
      cause: "Error ECONNREFUSED",
    });
  });

  test("is Error where it cannot be read", () => {
    const fail = () => {
      throw new Error("a trap");
    };
    const throwing = Object.defineProperty(new Error("secret"), "name", { get: fail });
    expect(readThrown(throwing).name).toBe("Error");
    const proxy = new Proxy(new Error("secret"), { get: fail, getPrototypeOf: fail });
    expect(readThrown(proxy)).toEqual({ name: "Error", fields: { error: "Error" } });
  });
});
