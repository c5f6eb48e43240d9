import { describe, expect, test } from "bun:test";
import type { LogChunk, RunRef } from "@sate/contracts";
import type { Followed } from "../../../src/logs/port.ts";
import { madeExecution, madeOutcome, runOf } from "../../builders.ts";
import type { Given } from "./given.ts";

/** The reads of clients that wait for executions and stream them. */
export function watchingConformance(given: Given): void {
  const plenty = { bytesEach: 1_000, bytesMax: 1_000_000 };
  const newRun = (epoch = 1): RunRef => runOf(madeExecution(), epoch);
  const store = (run: RunRef, sequences: number[], text = "1234567890") =>
    given.store.logs.append(sequences.map((sequence) => ({ ...run, sequence, text, total: 2 })));
  const follow = async (executions: Followed[], bytes = plenty) => {
    const logs = await given.other.logs.follow(executions, bytes);
    return logs.map(({ chunks, isCut }) => `${positions(chunks)}${isCut ? " …" : ""}`);
  };
  const positions = (chunks: LogChunk[]) =>
    chunks.map(({ epoch, sequence }) => `${epoch}.${sequence}`).join(" ");

  describe("watching", () => {
    test("1,000 executions are read in one operation, without their outputs", async () => {
      // Without a mark and not queued: other cases share this database, and should not find them.
      const ofNoUse = () => madeExecution({ status: "failed", mark: undefined });
      const executions = Array.from({ length: 1_000 }, ofNoUse);
      for (let from = 0; from < 1_000; from += 100)
        await given.store.executions.insert(executions.slice(from, from + 100));
      const ended = await given.running();
      const outcome = { ...madeOutcome(), outputs_json: '"large"' };
      await given.store.runs.finish([{ ...runOf(ended, 1), outcome }]);
      const wanted = [...executions.slice(1), ended, madeExecution()];
      const before = given.database.operations();
      const found = await given.other.executions.get(wanted);
      expect(given.database.operations() - before).toBeLessThanOrEqual(1);
      const ids = wanted.slice(0, -1).map(({ id }) => id);
      expect(found.map(({ id }) => id).toSorted()).toEqual(ids.toSorted());
      expect(found.find(({ id }) => id === ended.id)).toMatchObject({
        status: "succeeded",
        outcome: { outputs_json: "" },
      });
    });

    test("of each execution the chunks after its position are returned, in one operation", async () => {
      const [first, second] = [newRun(), newRun()];
      await store(first, [0, 1, 2]);
      await store({ ...first, epoch: 2 }, [0]);
      await store({ ...first, epoch: 10 }, [0]);
      await store({ ...first, attempt: 2 }, [0]);
      await store(second, [0, 1]);
      const before = given.database.operations();
      const logs = await follow([
        second,
        first,
        newRun(),
        { ...first, after: { epoch: 1, sequence: 1 } },
        { ...first, after: { epoch: 2, sequence: 0 } },
        { ...first, after: { epoch: 10, sequence: 0 } },
      ]);
      expect(given.database.operations() - before).toBeLessThanOrEqual(1);
      expect(logs).toEqual(["1.0 1.1", "1.0 1.1 1.2 2.0 10.0", "", "1.2 2.0 10.0", "10.0", ""]);
      expect(await given.store.logs.follow([], plenty)).toEqual([]);
    });

    test("chunks are returned as they were stored", async () => {
      const run = newRun();
      const text = "a\u0000b é 😀 \u2028\n";
      await store(run, [0], text);
      const [log] = await given.other.logs.follow([run], plenty);
      expect(log?.chunks).toMatchObject([{ ...run, sequence: 0, text }]);
    });

    test("each execution gets at least one chunk and no more bytes than its share, counted in UTF-8", async () => {
      const [small, large] = [newRun(), newRun()];
      await store(small, [0, 1, 2]);
      await store(large, [0, 1], "é".repeat(100));
      const bytes = { bytesEach: 20, bytesMax: 1_000_000 };
      expect(await follow([small, large], bytes)).toEqual(["1.0 1.1 …", "1.0 …"]);
      const after = { epoch: 1, sequence: 1 };
      expect(await follow([{ ...small, after }], bytes)).toEqual(["1.2"]);
    });

    test("one that is in the call twice gets its share of each position", async () => {
      const run = newRun();
      await store(run, [0, 1, 2, 3]);
      const bytes = { bytesEach: 20, bytesMax: 1_000_000 };
      const logs = await follow([run, { ...run, after: { epoch: 1, sequence: 1 } }], bytes);
      expect(logs).toEqual(["1.0 1.1 …", "1.2 1.3"]);
    });

    test("no more is read than the whole response may have; a further call gets the rest", async () => {
      const runs = Array.from({ length: 10 }, () => newRun());
      for (const run of runs) await store(run, [0, 1], "x".repeat(100));
      const left = new Map<string, Followed>(runs.map((run) => [run.request_id, run]));
      const seen: string[] = [];
      for (let calls = 0; left.size > 0; calls++) {
        expect(calls).toBeLessThan(15);
        const asked = [...left.values()];
        const logs = await given.store.logs.follow(asked, { bytesEach: 1_000, bytesMax: 450 });
        expect(logs.flatMap(({ chunks }) => chunks).length).toBeLessThanOrEqual(6);
        for (const [index, { chunks, isCut }] of logs.entries()) {
          const execution = asked[index] as Followed;
          seen.push(...chunks.map((chunk) => `${chunk.request_id} ${positions([chunk])}`));
          const { epoch = 0, sequence = 0 } = chunks.at(-1) ?? execution.after ?? {};
          if (isCut) left.set(execution.request_id, { ...execution, after: { epoch, sequence } });
          else left.delete(execution.request_id);
        }
      }
      const all = runs.flatMap(({ request_id }) => [`${request_id} 1.0`, `${request_id} 1.1`]);
      expect(seen.toSorted()).toEqual(all.toSorted());
    });
  });
}
