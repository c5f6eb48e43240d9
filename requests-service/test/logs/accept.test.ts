import { expect, test } from "bun:test";
import { type LogChunk, limits } from "@sate/contracts";
import { countChunks } from "../../src/logs/accept.ts";
import { newId } from "../builders.ts";

const chunkOf = (sequence: number, text: string, parts: Partial<LogChunk> = {}) => ({
  ...{ request_id: "r", attempt: 1, execution_id: "e", epoch: 1, sequence, text },
  ...parts,
});
const totalsOf = (chunks: { chunk: LogChunk; totalBefore: number }[]) =>
  countChunks(chunks).map(({ sequence, total }) => [sequence, total]);

test("bytes are counted in UTF-8, from what is stored on, over the chunks of one call", () => {
  const chunks = [chunkOf(3, "abc"), chunkOf(4, "é"), chunkOf(5, "")];
  // The store knows none of this call's chunks.
  expect(totalsOf(chunks.map((chunk) => ({ chunk, totalBefore: 10 })))).toEqual([
    [3, 13],
    [4, 15],
    [5, 15],
  ]);
});

test("a run is stored up to limits.logStoredBytesMax and not one byte further; a smaller chunk may still fit", () => {
  const max = limits.logStoredBytesMax;
  const before = (totalBefore: number, chunk: LogChunk) => ({ chunk, totalBefore });
  expect(totalsOf([before(max - 3, chunkOf(0, "abc"))])).toEqual([[0, max]]);
  expect(totalsOf([before(max - 2, chunkOf(0, "abc")), before(max - 2, chunkOf(1, "é"))])).toEqual([
    [1, max],
  ]);
  expect(totalsOf([before(max, chunkOf(7, "")), before(max, chunkOf(8, "x"))])).toEqual([[7, max]]);
});

test("each run is counted alone", () => {
  const chunk = (parts: Partial<LogChunk>) => ({ chunk: chunkOf(0, "abc", parts), totalBefore: 0 });
  const runs = [chunk({}), chunk({ epoch: 2 }), chunk({ execution_id: newId() })];
  expect(totalsOf(runs)).toEqual([
    [0, 3],
    [0, 3],
    [0, 3],
  ]);
});
