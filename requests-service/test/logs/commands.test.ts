import { describe, expect, test } from "bun:test";
import { type LogChunk, limits, type Run } from "@sate/contracts";
import { removeOldLogs } from "../../src/logs/retention.ts";
import { newId } from "../builders.ts";
import { type Core, testCore } from "../core.ts";

const never = new AbortController().signal;
function chunkOf(run: Run, sequence: number, text = `${sequence}\n`): LogChunk {
  const { request_id, attempt, execution_id, epoch } = run;
  return { request_id, attempt, execution_id, epoch, sequence, text };
}
async function logOf({ commands }: Core, run: Run, parts: object = {}) {
  const { request_id, execution_id } = run;
  const answer = await commands.readLog({ request_id, execution_id, ...parts });
  if (answer.kind !== "found") throw new Error(answer.kind);
  return answer;
}
const textOf = ({ chunks }: { chunks: LogChunk[] }) => chunks.map(({ text }) => text).join("");
async function givenRun() {
  const it = testCore();
  return { it, run: await it.run(await it.worker()) };
}

describe("appending", () => {
  test("stores the chunks of runs, of lost and of ended ones too, and repetitions change nothing", async () => {
    const { it, run } = await givenRun();
    await it.commands.appendLogs({ chunks: [chunkOf(run, 1), chunkOf(run, 0)] });
    await it.requeueRuns([await it.stored(run)], true);
    await it.commands.appendLogs({ chunks: [chunkOf(run, 0, "other"), chunkOf(run, 2)] });
    const next = await it.run(await it.worker(), { ...run, id: run.execution_id });
    await it.commands.appendLogs({ chunks: [chunkOf(next, 0, "second run\n")] });
    expect(textOf(await logOf(it, run))).toBe("0\n1\n2\nsecond run\n");
    expect((await logOf(it, run, { epoch: 2 })).chunks).toEqual([chunkOf(next, 0, "second run\n")]);
  });

  test("drops chunks of executions and runs that do not exist, and keeps those beside them", async () => {
    const { it, run } = await givenRun();
    const other = await it.run(await it.worker());
    const unknown = { ...run, request_id: newId(), execution_id: newId() };
    const chunks = [
      chunkOf(unknown, 0),
      chunkOf({ ...run, attempt: 2 }, 0),
      chunkOf({ ...run, execution_id: other.execution_id }, 0),
      chunkOf({ ...run, epoch: 2 }, 0),
      chunkOf(run, 0),
      chunkOf(other, 0),
    ];
    expect(await it.commands.appendLogs({ chunks })).toEqual({});
    expect((await logOf(it, run)).chunks).toEqual([chunkOf(run, 0)]);
    expect((await logOf(it, other)).chunks).toEqual([chunkOf(other, 0)]);
    expect(it.counters.read()).toMatchObject({ log_chunks_stored: 2, log_chunks_refused: 4 });
  });

  test("bounds what is stored of a run, however many calls it comes in, and of each run alone", async () => {
    const { it, run } = await givenRun();
    const text = "x".repeat(limits.logChunkBytesMax);
    const whole = limits.logStoredBytesMax / limits.logChunkBytesMax;
    for (let sequence = 0; sequence < whole + 3; sequence++) {
      // Every other one is sent twice, and one is lost.
      if (sequence === 2) continue;
      const chunks = [chunkOf(run, sequence, text)];
      for (let time = 0; time <= sequence % 2; time++) await it.commands.appendLogs({ chunks });
    }
    const after = { after: { epoch: 1, sequence: -1 } };
    expect(textOf(await logOf(it, run, after)).length).toBe(limits.logStoredBytesMax);
    const other = await it.run(await it.worker());
    await it.commands.appendLogs({ chunks: [chunkOf(other, 0)] });
    expect(textOf(await logOf(it, other))).toBe("0\n");
  });

  test("bounds what is stored of a run also if its chunks come in descending order", async () => {
    const { it, run } = await givenRun();
    const text = "x".repeat(limits.logChunkBytesMax);
    for (let sequence = 30; sequence >= 0; sequence--) {
      await it.commands.appendLogs({ chunks: [chunkOf(run, sequence, text)] });
    }
    expect((await logOf(it, run)).chunks.map(({ sequence }) => sequence)).toEqual([0, 30]);
  });

  test("fields of a later version are not stored", async () => {
    const { it, run } = await givenRun();
    await it.commands.appendLogs({ chunks: [{ ...chunkOf(run, 0), total: 9, later: 1 } as LogChunk] });
    expect((await logOf(it, run)).chunks).toEqual([chunkOf(run, 0)]);
  });
});

describe("reading", () => {
  test("is in pages of limits.pageBytesMax, each after the last chunk of the one before", async () => {
    const { it, run } = await givenRun();
    let last = run;
    const text = "x".repeat(limits.logChunkBytesMax);
    const perRun = limits.logStoredBytesMax / limits.logChunkBytesMax;
    for (let epoch = 1; epoch <= 7; epoch++) {
      if (epoch > 1) {
        await it.requeueRuns([await it.stored(last)], false);
        last = await it.run(await it.worker(), { ...run, id: run.execution_id });
      }
      const chunks = Array.from({ length: perRun }, (_, sequence) => chunkOf(last, sequence, text));
      await it.commands.appendLogs({ chunks });
    }
    const seen: string[] = [];
    for (let after: object | undefined, more = true; more; ) {
      const page = await logOf(it, run, after && { after });
      expect(textOf(page).length).toBeLessThanOrEqual(limits.pageBytesMax);
      seen.push(...page.chunks.map(({ epoch, sequence }) => `${epoch}.${sequence}`));
      more = page.more;
      const { epoch, sequence } = page.chunks.at(-1) as LogChunk;
      after = { epoch, sequence };
    }
    expect(seen).toHaveLength(7 * perRun);
    expect(seen).toEqual(seen.toSorted());
    expect(new Set(seen).size).toBe(seen.length);
  });

  test("of an execution without a log is empty; unknown ids are distinguished", async () => {
    const { it, run } = await givenRun();
    expect(await logOf(it, run)).toEqual({ kind: "found", chunks: [], more: false });
    const { request_id, execution_id } = run;
    expect(await it.commands.readLog({ request_id, execution_id: newId() })).toEqual({
      kind: "unknown_execution",
    });
    expect(await it.commands.readLog({ request_id: newId(), execution_id })).toEqual({
      kind: "unknown_request",
    });
    const other = await it.request();
    expect(await it.commands.readLog({ request_id: other.id, execution_id })).toEqual({
      kind: "unknown_execution",
    });
  });
});

describe("retention", () => {
  test("removes what was written too long ago, in batches, and keeps the rest", async () => {
    const { it, run } = await givenRun();
    const all = Array.from({ length: 450 }, (_, sequence) => chunkOf(run, sequence));
    for (let first = 0; first < all.length; first += limits.batchItemsMax) {
      await it.commands.appendLogs({ chunks: all.slice(first, first + limits.batchItemsMax) });
    }
    it.time.now += 60_000;
    await it.commands.appendLogs({ chunks: [chunkOf(run, 450)] });
    await removeOldLogs(it.ports, 60_000, never);
    expect((await logOf(it, run)).chunks).toHaveLength(451);
    it.time.now += 1;
    const batches: number[] = [];
    const { removeBefore } = it.store.logs;
    it.store.logs.removeBefore = async (instant, limit) => {
      batches.push(await removeBefore(instant, limit));
      return batches.at(-1) as number;
    };
    await removeOldLogs(it.ports, 60_000, never);
    expect(batches).toEqual([200, 200, 50]);
    expect(textOf(await logOf(it, run))).toBe("450\n");
    expect(it.counters.read().log_chunks_removed).toBe(450);
  });

  test("ends when the service stops", async () => {
    const { it, run } = await givenRun();
    await it.commands.appendLogs({ chunks: [chunkOf(run, 0)] });
    it.time.now += 2;
    await removeOldLogs(it.ports, 1, AbortSignal.abort());
    expect(textOf(await logOf(it, run))).toBe("0\n");
  });
});
