import { expect, test } from "bun:test";
import { contradictions } from "../../src/index.ts";

const named = (PROCESSING_SECONDS: number, EXECUTION_SECONDS: number, SHUTDOWN_SECONDS: number) =>
  contradictions({ PROCESSING_SECONDS, EXECUTION_SECONDS, SHUTDOWN_SECONDS }).map(
    (text) => text.split(":")[0],
  );

test("settings that contradict each other are named, and the defaults do not", () => {
  expect(named(1, 300, 10)).toEqual([]);
  expect(named(4, 300, 10)).toEqual([]);
  expect(named(5, 300, 10)).toEqual(["PROCESSING_SECONDS is above two fifths of SHUTDOWN_SECONDS"]);
  expect(named(5, 5, 10)).toEqual(["PROCESSING_SECONDS is not below EXECUTION_SECONDS"]);
});

test("a service without these settings has no contradiction", () => {
  expect(contradictions({})).toEqual([]);
  expect(contradictions({ SHUTDOWN_SECONDS: 0 })).toEqual([]);
});

test("ALLOWED_HOSTS is named where it has no effect", () => {
  const ALLOWED_HOSTS = "sate.internal";
  const warned = [expect.stringMatching(/^ALLOWED_HOSTS has no effect with API keys/)];
  for (const open of [{ API_KEYS: "a" }, { API_KEYS_FILE: "/keys" }, { ALLOW_ANONYMOUS: "1" }]) {
    expect(contradictions({ ALLOWED_HOSTS, ...open })).toEqual(warned);
    expect(contradictions({ ALLOWED_HOSTS: "", ...open })).toEqual([]);
  }
  expect(contradictions({ ALLOWED_HOSTS, API_KEYS: "", ALLOW_ANONYMOUS: "0" })).toEqual([]);
});
