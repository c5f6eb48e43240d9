import { expect, test } from "bun:test";
import { executionRecord, headerOf } from "../../src/index.ts";
import { received } from "../received.ts";
import { execution } from "./builders.ts";

test("a header is found only by its own name", () => {
  const record = received(executionRecord(execution));
  expect(headerOf(record, "schema-version")).toBe("1");
  expect(headerOf(record, "constructor")).toBeUndefined();
  expect(headerOf(record, "__proto__")).toBeUndefined();
  const odd = { ...record, headers: { reason: new Uint8Array([0xff, 0x61]) } };
  expect(headerOf(odd, "reason")).toBe("\ufffda");
});
