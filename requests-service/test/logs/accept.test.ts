import { expect, test } from "bun:test";
import { type LogChunk, limits } from "@sate/contracts";
import { countChunks, runNameOf } from "../../src/logs/accept.ts";

const chunkOf = (sequence: number, text: string, parts: Partial<LogChunk> = {}): LogChunk => ({
  ...{ request_id: "r", attempt: 1, execution_id: "e", epoch: 1, sequence, text },
  ...parts,
});
const totalsOf = (chunks: LogChunk[], before = 0) =>
  countChunks(chunks, new Map([[runNameOf(chunkOf(0, "")), before]])).map(({ sequence, total }) => [
    sequence,
    total,
  ]);

test("bytes are counted in UTF-8, from what is stored on, over the chunks of one call", () => {
  expect(totalsOf([chunkOf(3, "abc"), chunkOf(4, "é"), chunkOf(5, "")], 10)).toEqual([
    [3, 13],
    [4, 15],
    [5, 15],
  ]);
});

test("a run is stored up to limits.logStoredBytesMax and not one byte further; a smaller chunk may still fit", () => {
  const max = limits.logStoredBytesMax;
  expect(totalsOf([chunkOf(0, "abc")], max - 3)).toEqual([[0, max]]);
  expect(totalsOf([chunkOf(0, "abc"), chunkOf(1, "é")], max - 2)).toEqual([[1, max]]);
  expect(totalsOf([chunkOf(7, ""), chunkOf(8, "x")], max)).toEqual([[7, max]]);
});

test("each run is counted alone", () => {
  const runs = [
    chunkOf(0, "abc"),
    chunkOf(0, "abc", { epoch: 2 }),
    chunkOf(0, "abc", { execution_id: "other" }),
  ];
  expect(totalsOf(runs, 4)).toEqual([
    [0, 7],
    [0, 3],
    [0, 3],
  ]);
});
