import { expect, test } from "bun:test";
import { Unavailable } from "../../src/internal/unavailable.ts";
import { createLog, errorFields } from "../../src/runtime/log.ts";

function lines(level: "debug" | "info" | "warn" | "error") {
  const written: string[] = [];
  return { log: createLog("test", level, (line) => void written.push(line)), written };
}

test("writes one JSON object per line with time, level, service and message", () => {
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

test("entries below the level are not written", () => {
  const { log, written } = lines("warn");
  log.debug("a");
  log.info("b");
  log.warn("c");
  log.error("d");
  expect(written.map((line) => JSON.parse(line).message)).toEqual(["c", "d"]);
});

test("control characters are escaped: none ends the line or reaches a terminal", () => {
  const { log, written } = lines("info");
  const text = "a\nb\r\u0000\u001b[2J\u007f\u0085\u009b31m\u2028\u2029\ud800é";
  log.warn(text, { text });
  expect(written[0]).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}\p{Cs}]/u);
  expect(JSON.parse(written[0] ?? "")).toMatchObject({ message: text, text });
});

test("only the name and code of an error are logged: its message may contain a password", () => {
  const error = Object.assign(new TypeError("mongodb://user:secret@host"), { code: "ECONNREFUSED" });
  expect(errorFields(error)).toEqual({ error: "TypeError", code: "ECONNREFUSED" });
  expect(errorFields("secret")).toEqual({ error: "string" });
  expect(errorFields(Object.assign(new Error(), { code: { secret: 1 } }))).toEqual({ error: "Error" });
});

test("the message of an Unavailable is logged, because it is ours", () => {
  const cause = Object.assign(new Error("secret"), { code: 13 });
  expect(errorFields(new Unavailable("The Results DB does not respond.", { cause }))).toEqual({
    error: "Unavailable",
    detail: "The Results DB does not respond.",
    cause: "Error 13",
  });
});

test("the causes of an error are logged with names, codes and paths, and nothing that could be a message", () => {
  const disk = Object.assign(new Error("secret"), { code: "ENOSPC", path: "/data/sate.db" });
  const driver = Object.assign(new RangeError("secret", { cause: disk }), { code: 13 });
  const error = new Error("secret", { cause: driver });
  expect(errorFields(error)).toEqual({
    error: "Error",
    cause: "RangeError 13 Error ENOSPC /data/sate.db",
  });
  const { log, written } = lines("info");
  log.warn("it failed", errorFields(error));
  expect(written.join()).not.toContain("secret");
});

test("of several errors the first is logged, and an error that kafkajs wraps is a cause", () => {
  const refused = Object.assign(new Error(), { code: "ECONNREFUSED" });
  expect(errorFields(new AggregateError([refused, new Error()]))).toEqual({
    error: "AggregateError",
    cause: "Error ECONNREFUSED",
  });
  expect(errorFields(Object.assign(new Error(), { originalError: refused }))).toEqual({
    error: "Error",
    cause: "Error ECONNREFUSED",
  });
});

test("anything thrown can be logged: cycles, long chains, throwing getters, long names", () => {
  const circle = new Error();
  circle.cause = new Error("", { cause: circle });
  expect(errorFields(circle)).toEqual({ error: "Error", cause: "Error Error Error Error" });
  let deep = new Error();
  for (let depth = 0; depth < 100; depth++) deep = new Error("", { cause: deep });
  expect(String(errorFields(deep).cause).split(" ")).toHaveLength(4);
  const hostile = new Error();
  for (const name of ["name", "code", "path", "cause", "errors"]) {
    Object.defineProperty(hostile, name, {
      get() {
        throw new Error("secret");
      },
    });
  }
  expect(errorFields(hostile)).toEqual({ error: "Error" });
  const talkative = Object.assign(new Error(), {
    name: "password: secret",
    code: "mongodb://user:secret@host",
    path: "http://user:secret@host/path",
  });
  expect(errorFields(talkative)).toEqual({ error: "Error" });
  for (const odd of [undefined, null, 1, { cause: new Error() }, [new Error()]]) errorFields(odd);
});
