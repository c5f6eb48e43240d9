import { describe, expect, test } from "bun:test";
import { type Doubts, noDoubts, reconcile, type Seen } from "../../src/lease/reconcile.ts";
import { runKey } from "../../src/runs/table.ts";

const ref = { request_id: "r", attempt: 1, execution_id: "e", epoch: 1 };
const key = runKey(ref);
const nothing: Seen = {
  listed: [],
  isComplete: true,
  ranBefore: new Set(),
  running: new Set(),
  held: new Set(),
  claimUnderWay: null,
};
const ours = { ranBefore: new Set([key]), running: new Set([key]), held: new Set([key]) };
const listed = [{ ...ref, cancel: false }];

function after(doubts: Doubts, ...answers: Partial<Seen>[]) {
  let found = reconcile(doubts, nothing);
  for (const answer of answers) found = reconcile(found.doubts, { ...nothing, ...answer });
  return found;
}

describe("a listed run that is not held here", () => {
  const unknown = { listed };
  test("is released at the second response", () => {
    expect(after(noDoubts(), unknown).release).toEqual([]);
    expect(after(noDoubts(), unknown, unknown).release).toEqual([ref]);
  });
  test("is not released if a response in between did not list it", () => {
    expect(after(noDoubts(), unknown, {}, unknown).release).toEqual([]);
  });
  test("is not released while the claim of the first response is under way, and then at once", () => {
    const first = { listed, claimUnderWay: "first" };
    expect(after(noDoubts(), first, first, first, first).release).toEqual([]);
    expect(after(noDoubts(), first, first, { listed, claimUnderWay: "second" }).release).toEqual([ref]);
  });
  test("is not released if it has come to be held", () => {
    expect(after(noDoubts(), unknown, { listed, held: new Set([key]) }, unknown).release).toEqual([]);
  });
  test("counts apart from another run of the same execution", () => {
    const newer = { listed: [{ ...ref, epoch: 2, cancel: false }] };
    expect(after(noDoubts(), unknown, newer).release).toEqual([]);
  });
});

describe("a run here that is not listed", () => {
  test("is taken at the second response", () => {
    expect(after(noDoubts(), ours).taken).toEqual([]);
    expect(after(noDoubts(), ours, ours).taken).toEqual([key]);
  });
  test("is not taken if it began after the heartbeat was sent", () => {
    const young = { ...ours, ranBefore: new Set<string>() };
    expect(after(noDoubts(), ours, young, ours).taken).toEqual([]);
  });
  test("is not taken if it has ended and only its report is under way", () => {
    const ended = { ...ours, running: new Set<string>() };
    expect(after(noDoubts(), ours, ended).taken).toEqual([]);
    expect(after(noDoubts(), ended, ended, ended).taken).toEqual([]);
  });
  test("is not taken if it was listed in between", () => {
    expect(after(noDoubts(), ours, { ...ours, listed }, ours).taken).toEqual([]);
  });
  test("is not taken if the list may be cut off", () => {
    const cutOff = { ...ours, isComplete: false };
    expect(after(noDoubts(), cutOff, cutOff).taken).toEqual([]);
  });
});

describe("a run that is to be cancelled", () => {
  const cancel = [{ ...ref, cancel: true }];
  test("is cancelled at the first response if it runs here", () => {
    expect(after(noDoubts(), { ...ours, listed: cancel }).cancel).toEqual([key]);
  });
  test("is left alone if it has ended, or is not held here", () => {
    expect(after(noDoubts(), { ...ours, running: new Set(), listed: cancel }).cancel).toEqual([]);
    expect(after(noDoubts(), { listed: cancel }).cancel).toEqual([]);
  });
});
