import { expect, test } from "bun:test";
import { createLog, errorFields } from "../src/log.ts";

function lines(level: "debug" | "info" | "warn" | "error") {
  const written: string[] = [];
  return { log: createLog("test", level, (line) => void written.push(line)), written };
}

test("one JSON object a line, with time, level, service and message", () => {
  const { log, written } = lines("debug");
  log.info("it is so", { count: 2, missing: undefined });
  expect(JSON.parse(written[0] ?? "")).toEqual({
    time: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
    level: "info",
    service: "test",
    message: "it is so",
    count: 2,
  });
});

test("what is below the level is not written", () => {
  const { log, written } = lines("warn");
  log.debug("a");
  log.info("b");
  log.warn("c");
  log.error("d");
  expect(written.map((line) => JSON.parse(line).message)).toEqual(["c", "d"]);
});

test("no character in it can end the line or command a terminal, and none is lost", () => {
  const { log, written } = lines("info");
  const text = "a\nb\r\u0000\u001b[2J\u007f\u0085\u009b31m\u2028\u2029\ud800é";
  log.warn(text, { text });
  expect(written[0]).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}\p{Cs}]/u);
  expect(JSON.parse(written[0] ?? "")).toMatchObject({ message: text, text });
});

test("of an error only its name and code are logged: its message may hold a password", () => {
  const error = Object.assign(new TypeError("mongodb://user:secret@host"), { code: "ECONNREFUSED" });
  expect(errorFields(error)).toEqual({ error: "TypeError", code: "ECONNREFUSED" });
  expect(errorFields("secret")).toEqual({ error: "string" });
  expect(errorFields(Object.assign(new Error(), { code: { secret: 1 } }))).toEqual({ error: "Error" });
});
