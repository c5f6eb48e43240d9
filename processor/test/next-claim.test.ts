import { expect, test } from "bun:test";
import { limits } from "@sate/contracts";
import { nextClaim } from "../src/next-claim.ts";

const idle = { room: 8, hints: 0, mayBeMore: false, sinceGainMs: 0, sinceAskMs: 0, jitter: 1 };

test("never more than there is room for, nor than one claim may ask for", () => {
  expect(
    nextClaim({ ...idle, room: 0, hints: 5, mayBeMore: true, sinceAskMs: 1e9, sinceGainMs: 1e9 }),
  ).toBeNull();
  expect(nextClaim({ ...idle, room: 3, hints: 5 })).toEqual({ kind: "hints", count: 3 });
  expect(nextClaim({ ...idle, room: 1_000, hints: 500 })).toEqual({ kind: "hints", count: limits.claimMax });
  expect(nextClaim({ ...idle, room: 1_000, mayBeMore: true })).toEqual({
    kind: "any",
    limit: limits.claimMax,
  });
});

test("hints come before anything", () => {
  expect(nextClaim({ ...idle, hints: 2, mayBeMore: true, sinceGainMs: 2_000, sinceAskMs: 2_000 })).toEqual({
    kind: "hints",
    count: 2,
  });
});

test("anything is asked for when the hints have run dry and there may be more", () => {
  expect(nextClaim(idle)).toBeNull();
  expect(nextClaim({ ...idle, mayBeMore: true })).toEqual({ kind: "any", limit: 8 });
});

test("anything is asked for after a quiet second, stretched by the jitter", () => {
  expect(nextClaim({ ...idle, sinceGainMs: 999, sinceAskMs: 1_000 })).toBeNull();
  expect(nextClaim({ ...idle, sinceGainMs: 1_000, sinceAskMs: 999 })).toBeNull();
  expect(nextClaim({ ...idle, sinceGainMs: 1_000, sinceAskMs: 1_000 })).toEqual({ kind: "any", limit: 8 });
  expect(nextClaim({ ...idle, sinceGainMs: 1_400, sinceAskMs: 1_400, jitter: 1.5 })).toBeNull();
});

test("anything is asked for every five seconds, even before hints", () => {
  expect(nextClaim({ ...idle, hints: 5, sinceAskMs: 4_999 })).toEqual({ kind: "hints", count: 5 });
  expect(nextClaim({ ...idle, hints: 5, sinceAskMs: 5_000 })).toEqual({ kind: "any", limit: 8 });
});
