import { expect, test } from "bun:test";
import { limits } from "@sate/contracts";
import { noDoubts, reconcile, type Seen } from "../../src/lease/reconcile.ts";
import { runKey } from "../../src/runs/table.ts";

const ref = { request_id: "r", attempt: 1, execution_id: "e", epoch: 1 };
const key = runKey(ref);
const nothing: Seen = {
  listed: [],
  ranBefore: new Set(),
  running: new Set(),
  held: new Set(),
  claimUnderWay: null,
};

/** What follows from the last of these responses. */
function after(...responses: Partial<Seen>[]) {
  let found = reconcile(noDoubts(), nothing);
  for (const response of responses) found = reconcile(found.doubts, { ...nothing, ...response });
  return found;
}

const listed = [{ ...ref, cancel: false }];
const unknown = { listed };
const duringClaim = { listed, claimUnderWay: "first" };
test.each<[string, Partial<Seen>[], boolean]>([
  ["stays at the first response", [unknown], false],
  ["is released at the second response", [unknown, unknown], true],
  ["stays if a response in between did not list it", [unknown, {}, unknown], false],
  [
    "stays while the claim of the first response is under way",
    [duringClaim, duringClaim, duringClaim],
    false,
  ],
  ["is released when that claim is over", [duringClaim, { listed, claimUnderWay: "second" }], true],
  ["stays if it has come to be held", [unknown, { listed, held: new Set([key]) }, unknown], false],
  [
    "stays if the first was of another run",
    [unknown, { listed: [{ ...ref, epoch: 2, cancel: false }] }],
    false,
  ],
])("a listed run that is not held here %s", (_rule, responses, isReleased) => {
  expect(after(...responses).release).toEqual(isReleased ? [ref] : []);
});

const ours = { ranBefore: new Set([key]), running: new Set([key]), held: new Set([key]) };
const young = { ...ours, ranBefore: new Set<string>() };
const ended = { ...ours, running: new Set<string>() };
const others = Array.from({ length: limits.workerRunsMax }, (_, epoch) => {
  return { ...ref, execution_id: "other", epoch, cancel: false };
});
const cutOff = { ...ours, listed: others };
test.each<[string, Partial<Seen>[], boolean]>([
  ["stays at the first response", [ours], false],
  ["is taken at the second response", [ours, ours], true],
  ["stays if it began after the heartbeat was sent", [ours, young, ours], false],
  ["stays if it has ended and only its report is under way", [ours, ended], false],
  ["stays if it had ended before", [ended, ended, ended], false],
  ["stays if it was listed in between", [ours, { ...ours, listed }, ours], false],
  ["stays if the list may be cut off", [cutOff, cutOff], false],
])("a run here that is not listed %s", (_rule, responses, isTaken) => {
  expect(after(...responses).taken).toEqual(isTaken ? [key] : []);
});

const cancel = [{ ...ref, cancel: true }];
test.each<[string, Partial<Seen>, boolean]>([
  ["is cancelled at the first response if it runs here", { ...ours, listed: cancel }, true],
  ["is left alone if it has ended", { ...ended, listed: cancel }, false],
  ["is left alone if it is not held here", { listed: cancel }, false],
])("a run that is to be cancelled %s", (_rule, response, isCancelled) => {
  expect(after(response).cancel).toEqual(isCancelled ? [key] : []);
});
