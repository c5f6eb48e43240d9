import { expect, test } from "bun:test";
import { isUnavailable, Unavailable } from "../../src/index.ts";

const path = "../../src/internal/unavailable.ts";

test("an Unavailable of another copy of the package is recognized", async () => {
  const copy: { Unavailable: typeof Unavailable } = await import(`${path}?copy`);
  const error = new copy.Unavailable("The Requests DB did not respond.");
  expect(error).not.toBeInstanceOf(Unavailable);
  expect(isUnavailable(error)).toBe(true);
  expect(isUnavailable(new Unavailable("x"))).toBe(true);
});

test("nothing else is recognized, whatever its name", () => {
  const named = Object.assign(new Error("x"), { name: "Unavailable", reason: "no_response" });
  for (const other of [named, { name: "Unavailable" }, "Unavailable", null, undefined, 503]) {
    expect(isUnavailable(other)).toBe(false);
  }
});

test("it has a message, a cause and a reason, by default that there was no response", () => {
  const cause = new Error("ECONNREFUSED");
  const silent = new Unavailable("requests-service did not respond in time.", { cause });
  expect(silent).toMatchObject({ name: "Unavailable", reason: "no_response", cause });
  expect(silent.message).toBe("requests-service did not respond in time.");
  expect("cause" in new Unavailable("x")).toBe(false);
  const wrong = new Unavailable("requests-service responded with 422.", { reason: "unexpected_response" });
  expect(wrong.reason).toBe("unexpected_response");
});
