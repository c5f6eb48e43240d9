import { describe, expect, test } from "bun:test";
import type { LogChunk, RunRef } from "@sate/contracts";
import type { LogPosition } from "../../../src/logs/port.ts";
import { madeExecution, newId, runOf } from "../../builders.ts";
import type { Given } from "./given.ts";

export function logsConformance(given: Given): void {
  const newRun = (epoch = 1): RunRef => runOf(madeExecution(), epoch);
  const chunk = (run: RunRef, sequence: number, parts: { text?: string; total?: number } = {}) => {
    const { request_id, attempt, execution_id, epoch } = run;
    return { request_id, attempt, execution_id, epoch, sequence, text: `${sequence}\n`, total: 2, ...parts };
  };
  const pageOf = ({ request_id, attempt }: RunRef) => ({ request_id, attempt, limit: 100, bytesMax: 1_000 });
  const positions = ({ chunks }: { chunks: LogChunk[] }) =>
    chunks.map(({ epoch, sequence }) => [epoch, sequence]);

  describe("logs", () => {
    test("are returned as they were stored, by epoch and sequence, of one run or of all", async () => {
      const run = newRun();
      const texts = ["", "a\u0000b é 😀 \u2028\n", "x".repeat(64 * 1024)];
      const first = texts.map((text, sequence) => chunk(run, sequence, { text, total: sequence }));
      const later = [chunk({ ...run, epoch: 2 }, 0), chunk({ ...run, epoch: 10 }, 0)];
      const before = given.store.now();
      await given.store.logs.append([...later, ...first.toReversed()]);
      await given.other.logs.append([chunk(newRun(), 0), chunk({ ...run, attempt: 2 }, 0)]);

      const page = { ...pageOf(run), bytesMax: 1_000_000 };
      const whole = await given.other.logs.read(page);
      const stored = [...first, ...later].map((one) => ({ ...one, written_at: expect.any(Number) }));
      expect(whole).toEqual({ chunks: stored, isCut: false });
      for (const { written_at } of whole.chunks) expect(written_at).toBeGreaterThanOrEqual(before);
      expect(positions(await given.store.logs.read({ ...page, epoch: 2 }))).toEqual([[2, 0]]);
      expect(positions(await given.store.logs.read({ ...page, epoch: 3 }))).toEqual([]);
    });

    test("a chunk that exists is left as it is", async () => {
      const run = newRun();
      await given.store.logs.append([chunk(run, 0, { text: "first" })]);
      await given.store.logs.append([chunk(run, 0, { text: "second" }), chunk(run, 1)]);
      const { chunks } = await given.store.logs.read(pageOf(run));
      expect(chunks.map(({ text }) => text)).toEqual(["first", "1\n"]);
    });

    test("of 50 writers of one chunk at once one stores it", async () => {
      const run = newRun();
      const texts = Array.from({ length: 50 }, (_, index) => `${index}`);
      await Promise.all(
        texts.map((text, index) => given.either(index).logs.append([chunk(run, 0, { text }), chunk(run, 1)])),
      );
      const { chunks } = await given.store.logs.read(pageOf(run));
      expect(positions({ chunks })).toEqual([
        [1, 0],
        [1, 1],
      ]);
      expect(texts).toContain(chunks[0]?.text as string);
    });

    test("a page is limited by its number of chunks and by UTF-8 bytes, and has at least one chunk", async () => {
      const run = newRun();
      const text = "é".repeat(50);
      const all = [0, 1, 2, 3].map((sequence) => chunk(run, sequence, { text }));
      await given.store.logs.append([...all, chunk({ ...run, epoch: 2 }, 0, { text })]);
      const read = async (parts: {
        limit?: number;
        bytesMax?: number;
        after?: LogPosition;
        epoch?: number;
      }) => {
        const { chunks, isCut } = await given.store.logs.read({ ...pageOf(run), ...parts });
        return [
          positions({ chunks })
            .map(([epoch, sequence]) => `${epoch}.${sequence}`)
            .join(" "),
          isCut,
        ];
      };
      expect(await read({ bytesMax: 200 })).toEqual(["1.0 1.1", true]);
      expect(await read({ bytesMax: 299 })).toEqual(["1.0 1.1", true]);
      expect(await read({ bytesMax: 1 })).toEqual(["1.0", true]);
      expect(await read({ limit: 3 })).toEqual(["1.0 1.1 1.2", true]);
      expect(await read({ limit: 5 })).toEqual(["1.0 1.1 1.2 1.3 2.0", false]);
      expect(await read({ after: { epoch: 1, sequence: 2 } })).toEqual(["1.3 2.0", false]);
      expect(await read({ after: { epoch: 1, sequence: 2 }, epoch: 1 })).toEqual(["1.3", false]);
      expect(await read({ after: { epoch: 1, sequence: 9 } })).toEqual(["2.0", false]);
      expect(await read({ after: { epoch: 2, sequence: 0 } })).toEqual(["", false]);
    });

    test("the total before a chunk is that of the preceding chunk, or of the last chunk of its run if that comes before it", async () => {
      const [run, other] = [newRun(), newRun()];
      await given.store.logs.append([
        chunk(run, 0, { total: 10 }),
        chunk(run, 1, { total: 20 }),
        chunk(run, 5, { total: 50 }),
        chunk({ ...run, epoch: 2 }, 0, { total: 7 }),
        chunk(other, 0, { total: 3 }),
      ]);
      const asked = [
        chunk(run, 0),
        chunk(run, 1),
        chunk(run, 2),
        chunk(run, 3),
        chunk(run, 5),
        chunk(run, 6),
        chunk(run, 100),
        chunk({ ...run, epoch: 2 }, 1),
        chunk({ ...run, epoch: 3 }, 1),
        chunk(other, 1),
        chunk(newRun(), 1),
      ];
      expect(await given.other.logs.totalsBefore(asked)).toEqual([0, 10, 20, null, null, 50, 50, 7, 0, 3, 0]);
    });

    test("old ones are removed, the oldest first, in batches", async () => {
      const run = newRun();
      const later = () => given.store.now() + 1;
      await given.store.logs.removeBefore(later(), 100_000);
      for (const sequence of [0, 1, 2, 3]) await given.store.logs.append([chunk(run, sequence)]);
      const { chunks } = await given.store.logs.read(pageOf(run));
      const oldest = chunks[0]?.written_at as number;
      expect(await given.store.logs.removeBefore(oldest, 10)).toBe(0);
      expect(await given.store.logs.removeBefore(later(), 3)).toBe(3);
      expect(await given.other.logs.removeBefore(later(), 3)).toBe(1);
      expect(await given.other.logs.removeBefore(later(), 3)).toBe(0);
      expect(positions(await given.store.logs.read(pageOf(run)))).toEqual([]);
    });

    test("50 removals at once remove each chunk once", async () => {
      await given.store.logs.removeBefore(given.store.now() + 1, 100_000);
      const run = runOf(madeExecution({ id: newId() }), 1);
      await given.store.logs.append(Array.from({ length: 40 }, (_, sequence) => chunk(run, sequence)));
      const instant = given.store.now() + 1_000;
      const removals = Array.from({ length: 50 }, (_, index) =>
        given.either(index).logs.removeBefore(instant, 7),
      );
      const removed = (await Promise.all(removals)).reduce((sum, count) => sum + count, 0);
      const left = (await given.store.logs.read(pageOf(run))).chunks.length;
      expect(removed + left).toBe(40);
    });
  });
}
