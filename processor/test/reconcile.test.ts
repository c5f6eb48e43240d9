import { describe, expect, test } from "bun:test";
import { type Doubts, noDoubts, reconcile, type Seen } from "../src/reconcile.ts";
import { runKey } from "../src/runs.ts";

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

describe("a listed run that is not known here", () => {
  const unknown = { listed };
  test("is handed back at the second answer, as what it is and nothing more", () => {
    expect(after(noDoubts(), unknown).handBack).toEqual([]);
    expect(after(noDoubts(), unknown, unknown).handBack).toEqual([ref]);
  });
  test("not if an answer between did not list it", () => {
    expect(after(noDoubts(), unknown, {}, unknown).handBack).toEqual([]);
  });
  test("not while the claim of the first answer is under way, and then at once", () => {
    const first = { listed, claimUnderWay: "first" };
    expect(after(noDoubts(), first, first, first, first).handBack).toEqual([]);
    expect(after(noDoubts(), first, first, { listed, claimUnderWay: "second" }).handBack).toEqual([ref]);
  });
  test("not if it has become known", () => {
    expect(after(noDoubts(), unknown, { listed, held: new Set([key]) }, unknown).handBack).toEqual([]);
  });
  test("another run of the same execution is another run", () => {
    const newer = { listed: [{ ...ref, epoch: 2, cancel: false }] };
    expect(after(noDoubts(), unknown, newer).handBack).toEqual([]);
  });
});

describe("a run here that is not listed", () => {
  test("is taken at the second answer", () => {
    expect(after(noDoubts(), ours).taken).toEqual([]);
    expect(after(noDoubts(), ours, ours).taken).toEqual([key]);
  });
  test("not if it began after the question", () => {
    const young = { ...ours, ranBefore: new Set<string>() };
    expect(after(noDoubts(), ours, young, ours).taken).toEqual([]);
  });
  test("not if it has ended and only its finish is under way", () => {
    const ended = { ...ours, running: new Set<string>() };
    expect(after(noDoubts(), ours, ended).taken).toEqual([]);
    expect(after(noDoubts(), ended, ended, ended).taken).toEqual([]);
  });
  test("not if it was listed between", () => {
    expect(after(noDoubts(), ours, { ...ours, listed }, ours).taken).toEqual([]);
  });
  test("not if the list may be cut off", () => {
    const cutOff = { ...ours, isComplete: false };
    expect(after(noDoubts(), cutOff, cutOff).taken).toEqual([]);
  });
});

describe("a run that is to be cancelled", () => {
  const cancel = [{ ...ref, cancel: true }];
  test("is cancelled at the first answer if it runs here", () => {
    expect(after(noDoubts(), { ...ours, listed: cancel }).cancel).toEqual([key]);
  });
  test("not if it has ended, or is not known here", () => {
    expect(after(noDoubts(), { ...ours, running: new Set(), listed: cancel }).cancel).toEqual([]);
    expect(after(noDoubts(), { listed: cancel }).cancel).toEqual([]);
  });
});
