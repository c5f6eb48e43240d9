import { expect, test } from "bun:test";
import { idFloor } from "@sate/contracts";
import { executionIndexOf, isMatch, rangeOf, requestIndexOf } from "../../src/finding/filter.ts";

test("the most selective filter's index is read: label, status, processor, time", () => {
  const [label, processor] = ["a=b", "p"];
  const failed = ["failed" as const];
  expect(executionIndexOf({ label, processor, statuses: failed })).toEqual({ label });
  expect(executionIndexOf({ processor, statuses: [...failed, "failed"] })).toEqual({ statuses: failed });
  // Most end this way.
  expect(executionIndexOf({ processor, statuses: ["failed", "succeeded"] })).toEqual({ processor });
  expect(executionIndexOf({ statuses: ["succeeded"] })).toEqual({ statuses: ["succeeded"] });
  expect(executionIndexOf({ processor, since: 1 })).toEqual({ processor });
  expect(executionIndexOf({ since: 1 })).toEqual({});
  expect(requestIndexOf({ label, processor })).toEqual({ label });
  expect(requestIndexOf({ processor })).toEqual({ processor });
  expect(requestIndexOf({})).toEqual({});
});

test("Sate's own processors are found only by their name, and what was removed never", () => {
  const delivery = { processor: "sate:webhook" };
  expect(isMatch({}, delivery)).toBe(false);
  expect(isMatch({ processor: "sate:webhook" }, delivery)).toBe(true);
  expect(isMatch({ processor: "p" }, delivery)).toBe(false);
  expect(isMatch({}, {})).toBe(true);
  expect(isMatch({ processor: "simulate" }, {})).toBe(true);
  expect(isMatch({}, { removed_at: 1 })).toBe(false);
  expect(isMatch({ statuses: ["failed"] }, { status: "queued" })).toBe(false);
});

test("times are bounds on the ids: since is included, until is not, and a cursor is a bound, too", () => {
  const at = 1_700_000_000_000;
  const [first, last] = [Bun.randomUUIDv7("hex", at), Bun.randomUUIDv7("hex", at + 999)];
  const { from, below } = rangeOf({ since: at, until: at + 1_000 });
  for (const id of [first, last]) expect(from <= id && id < below).toBe(true);
  expect(Bun.randomUUIDv7("hex", at - 1) < from).toBe(true);
  expect(Bun.randomUUIDv7("hex", at + 1_000) >= below).toBe(true);
  expect(rangeOf({ until: at + 1_000 }, first).below).toBe(first);
  const later = Bun.randomUUIDv7("hex", at + 5_000);
  expect(rangeOf({ until: at + 1_000 }, later).below).toBe(idFloor(at + 1_000));
  expect(rangeOf({}).below > later).toBe(true);
});
