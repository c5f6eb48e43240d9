import { expect, test } from "bun:test";
import { limits } from "@sate/contracts";
import { nextClaim } from "../../src/claims/next-claim.ts";

const idle = { room: 8, wakeUps: 0, mayBeMore: false, sinceGainMs: 0, sincePollMs: 0, jitter: 1 };

test("a claim is bounded by the room and by the limit of one call", () => {
  expect(
    nextClaim({ ...idle, room: 0, wakeUps: 5, mayBeMore: true, sincePollMs: 1e9, sinceGainMs: 1e9 }),
  ).toBeNull();
  expect(nextClaim({ ...idle, room: 3, wakeUps: 5 })).toEqual({ kind: "named", count: 3 });
  expect(nextClaim({ ...idle, room: 1_000, wakeUps: 500 })).toEqual({
    kind: "named",
    count: limits.claimMax,
  });
  expect(nextClaim({ ...idle, room: 1_000, mayBeMore: true })).toEqual({
    kind: "any",
    limit: limits.claimMax,
  });
});

test("wake-ups come before polling", () => {
  expect(nextClaim({ ...idle, wakeUps: 2, mayBeMore: true, sinceGainMs: 2_000, sincePollMs: 2_000 })).toEqual(
    {
      kind: "named",
      count: 2,
    },
  );
});

test("polls when the wake-ups have run out and there may be more", () => {
  expect(nextClaim(idle)).toBeNull();
  expect(nextClaim({ ...idle, mayBeMore: true })).toEqual({ kind: "any", limit: 8 });
});

test("polls after an idle second, stretched by the jitter", () => {
  expect(nextClaim({ ...idle, sinceGainMs: 999, sincePollMs: 1_000 })).toBeNull();
  expect(nextClaim({ ...idle, sinceGainMs: 1_000, sincePollMs: 999 })).toBeNull();
  expect(nextClaim({ ...idle, sinceGainMs: 1_000, sincePollMs: 1_000 })).toEqual({ kind: "any", limit: 8 });
  expect(nextClaim({ ...idle, sinceGainMs: 1_400, sincePollMs: 1_400, jitter: 1.5 })).toBeNull();
});

test("polls every five seconds, even before wake-ups", () => {
  expect(nextClaim({ ...idle, wakeUps: 5, sincePollMs: 4_999 })).toEqual({ kind: "named", count: 5 });
  expect(nextClaim({ ...idle, wakeUps: 5, sincePollMs: 5_000 })).toEqual({ kind: "any", limit: 8 });
});
