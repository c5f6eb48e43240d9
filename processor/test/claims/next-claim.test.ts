import { expect, test } from "bun:test";
import { limits } from "@sate/contracts";
import { nextClaim } from "../../src/claims/next-claim.ts";

const busy = { room: 8, wakeUps: 0, mayBeMore: false, sinceGainMs: 0, sincePollMs: 0, jitter: 1 };
const named = (count: number) => ({ kind: "named" as const, count });
const any = (limit: number) => ({ kind: "any" as const, limit });
const idleFor = (ms: number) => ({ sinceGainMs: ms, sincePollMs: ms });

test.each([
  ["nothing without room", { room: 0, wakeUps: 5, mayBeMore: true, ...idleFor(1e9) }, null],
  ["no more wake-ups than there is room for", { room: 3, wakeUps: 5 }, named(3)],
  ["no more wake-ups than one call may name", { room: 1_000, wakeUps: 500 }, named(limits.claimMax)],
  ["no more by a poll than one call may ask for", { room: 1_000, mayBeMore: true }, any(limits.claimMax)],
  ["wake-ups before a poll", { wakeUps: 2, mayBeMore: true, ...idleFor(2_000) }, named(2)],
  ["nothing without a reason", {}, null],
  ["a poll when the wake-ups have run out and there may be more", { mayBeMore: true }, any(8)],
  ["no poll within a second of a gain", { sinceGainMs: 999, sincePollMs: 1_000 }, null],
  ["no poll within a second of a poll", { sinceGainMs: 1_000, sincePollMs: 999 }, null],
  ["a poll after an idle second", idleFor(1_000), any(8)],
  ["no poll before the second, stretched by the jitter", { ...idleFor(1_400), jitter: 1.5 }, null],
  ["no poll before wake-ups within five seconds", { wakeUps: 5, sincePollMs: 4_999 }, named(5)],
  ["a poll before wake-ups after five seconds", { wakeUps: 5, sincePollMs: 5_000 }, any(8)],
])("claims %s", (_rule, state, claim) => {
  expect(nextClaim({ ...busy, ...state })).toEqual(claim);
});
