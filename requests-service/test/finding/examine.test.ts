import { expect, test } from "bun:test";
import { limits } from "@sate/contracts";
import { examine } from "../../src/finding/examine.ts";

/** An index of entries `99999`, `99998`, …, and how it was read. */
function indexOf(count: number) {
  const ids = Array.from({ length: count }, (_, index) => String(99_999 - index));
  const reads: number[] = [];
  const read = async ({ below, limit }: { below: string; limit: number }) => {
    const found = ids.filter((id) => id < below).slice(0, limit);
    reads.push(found.length);
    return found.map((id) => ({ id }));
  };
  return { ids, reads, read };
}
const range = { from: "", below: "~" };
const { examinedMax } = limits;

test("where all match, one read of one entry more than the page is enough", async () => {
  const { ids, reads, read } = indexOf(50);
  const first = await examine(read, { ...range, limit: 20, matches: () => true });
  expect(first.found.map(({ id }) => id)).toEqual(ids.slice(0, 20));
  expect(first.next).toBe(ids[19] as string);
  expect(reads).toEqual([21]);
});

test("a page examines at most 1,000 entries, in few reads, and continues where it stopped", async () => {
  const { ids, reads, read } = indexOf(2_500);
  const rare = new Set([ids[999], ids[1_500], ids[2_499]]);
  const pages: { found: string[]; next: string | undefined }[] = [];
  for (let below = "~", more = true; more; ) {
    const page = await examine(read, { from: "", below, limit: 5, matches: ({ id }) => rare.has(id) });
    pages.push({ found: page.found.map(({ id }) => id), next: page.next });
    more = page.next !== undefined;
    below = page.next ?? "";
  }
  expect(pages).toEqual([
    { found: [ids[999] as string], next: ids[examinedMax - 1] as string },
    { found: [ids[1_500] as string], next: ids[2 * examinedMax - 1] as string },
    { found: [ids[2_499] as string], next: undefined },
  ]);
  expect(reads.reduce((sum, count) => sum + count)).toBe(2_500);
  expect(reads.length).toBeLessThanOrEqual(15);
});

test("a page whose entries are the last ones has no next one; if 1,000 were examined, it may have an empty one", async () => {
  for (const [count, limit, next] of [
    [20, 20, undefined],
    [0, 20, undefined],
    [examinedMax, examinedMax - 1, "1000th"],
    [examinedMax, examinedMax, "1000th"],
  ] as const) {
    const { ids, read } = indexOf(count);
    const page = await examine(read, { ...range, limit, matches: () => true });
    expect(page.found).toHaveLength(Math.min(count, limit));
    expect(page.next).toBe(next && ids[limit - 1]);
  }
});

test("pages of any size lose and repeat none", async () => {
  const { ids, read } = indexOf(300);
  const matches = ({ id }: { id: string }) => Number(id) % 7 < 3;
  for (const limit of [1, 3, 50, 500]) {
    const seen: string[] = [];
    for (let below: string | undefined = "~"; below !== undefined; ) {
      const page: Awaited<ReturnType<typeof examine>> = await examine(read, {
        from: "",
        below,
        limit,
        matches,
      });
      seen.push(...page.found.map(({ id }) => id));
      below = page.next;
    }
    expect(seen).toEqual(ids.filter((id) => matches({ id })));
  }
});
