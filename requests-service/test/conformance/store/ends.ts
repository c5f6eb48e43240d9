import { describe, expect, test } from "bun:test";
import { executionMark, limits, outcomeMark } from "@sate/contracts";
import type { Execution } from "../../../src/executions/execution.ts";
import { cancelOf, madeExecution, madeOutcome, newId, refOf, runOf } from "../../builders.ts";
import type { Given } from "./given.ts";

export function endsConformance(given: Given): void {
  const { one, running, now, claimFor } = given;

  describe("finish", () => {
    test("stores the outcome with a mark, only of the last run and only once", async () => {
      const run = await running();
      const outcome = madeOutcome("succeeded", { outputsJson: '{"2":1e400,"1":"\\ud800"}' });
      const finished = { ...runOf(run), outcome };
      const wrong = [
        { ...finished, epoch: 2 },
        { ...finished, attempt: 2 },
        { ...finished, execution_id: newId() },
      ];
      expect(await given.store.runs.finish(wrong)).toEqual(["refused", "unknown", "unknown"]);
      expect(await given.store.runs.finish([finished])).toEqual(["stored"]);
      const stored = await now(run);
      expect(stored).toMatchObject({ status: "succeeded", epoch: 1, mark: outcomeMark });
      expect([stored.worker_id, stored.claim_id]).toEqual([undefined, undefined]);
      const standing = await given.store.outbox.stillMarked([{ ...run, mark: outcomeMark }]);
      expect(standing[0]?.outcome).toEqual(outcome);

      expect(await given.other.runs.finish([finished])).toEqual(["stored"]);
      const otherOutcome = { ...runOf(run), outcome: madeOutcome("failed") };
      expect(await given.other.runs.finish([otherOutcome])).toEqual(["refused"]);
      expect((await now(run)).status).toBe("succeeded");
    });

    test("decides each of a batch alone, in order", async () => {
      const [a, b] = [await running(), await running()];
      const waiting = await one();
      const outcome = madeOutcome("failed");
      const answers = await given.store.runs.finish([
        { ...runOf(madeExecution(), 1), outcome: madeOutcome() },
        { ...runOf(a), outcome },
        { ...runOf(waiting, 1), outcome: madeOutcome() },
        { ...runOf(b), outcome: madeOutcome("dead_lettered"), lost: 3 },
        { ...runOf(a), outcome },
      ]);
      expect(answers).toEqual(["unknown", "stored", "refused", "stored", "stored"]);
      expect((await now(a)).outcome).toEqual(outcome);
      expect(await now(b)).toMatchObject({ status: "dead_lettered", lost: 3 });
      expect((await now(waiting)).status).toBe("queued");
    });

    test("of different outcomes of one run at once exactly one is stored", async () => {
      for (let round = 0; round < 5; round++) {
        const run = await running();
        const outcomes = Array.from({ length: 10 }, () => madeOutcome("failed"));
        const answers = await Promise.all(
          outcomes.map((outcome, index) => given.either(index).runs.finish([{ ...runOf(run), outcome }])),
        );
        const stored = outcomes.filter((_, index) => answers[index]?.[0] === "stored");
        expect(stored).toHaveLength(1);
        expect((await now(run)).outcome).toEqual(stored[0]);
      }
    });

    test("finish and requeue reject every stale epoch", async () => {
      let run = await running();
      for (let epoch = 1; epoch <= 6; epoch++) {
        for (const other of [0, 1, 2, 3, 4, 5, 6, 7].filter((one) => one !== epoch)) {
          const stale = runOf(run, other);
          expect(await given.store.runs.finish([{ ...stale, outcome: madeOutcome() }])).toEqual(["refused"]);
          expect(await given.store.runs.requeue([stale], true)).toEqual([false]);
        }
        expect(await now(run)).toMatchObject({ status: "running", epoch, lost: epoch - 1 });
        if (epoch === 6) break;
        expect(await given.store.runs.requeue([runOf(run)], true)).toEqual([true]);
        // Of one that waits nothing is taken either: its last run has gone.
        const gone = { ...runOf(run), outcome: madeOutcome() };
        expect(await given.store.runs.finish([gone])).toEqual(["refused"]);
        run = (await given.store.runs.claim(claimFor(), [refOf(run)])).held[0] as Execution;
      }
    });

    test("of a late worker and its successor at the same instant only the last run is stored", async () => {
      for (let round = 0; round < 20; round++) {
        const late = await running();
        await given.store.runs.requeue([runOf(late)], true);
        const { held } = await given.store.runs.claim(claimFor(), [refOf(late)]);
        const [failed, succeeded] = [madeOutcome("failed"), madeOutcome("succeeded")];
        const calls = [
          given.store.runs.finish([{ ...runOf(late), outcome: failed }]),
          given.other.runs.finish([{ ...runOf(held[0] as Execution), outcome: succeeded }]),
          given.store.runs.requeue([runOf(late)], true),
        ];
        expect(await Promise.all(calls)).toEqual([["refused"], ["stored"], [false]]);
        const ended = await now(late);
        expect(ended).toMatchObject({ status: "succeeded", epoch: 2, lost: 1 });
        expect(ended.outcome?.result_id).toBe(succeeded.result_id);
      }
    });

    test("stores outputs of limits.outputsBytesMax", async () => {
      const run = await running();
      const outputsJson = `"${"y".repeat(limits.outputsBytesMax - 2)}"`;
      await given.store.runs.finish([{ ...runOf(run), outcome: madeOutcome("succeeded", { outputsJson }) }]);
      const [standing] = await given.store.outbox.stillMarked([{ ...run, mark: outcomeMark }]);
      expect(standing?.outcome).toMatchObject({ outputs_json: outputsJson });
    });
  });

  describe("requeue", () => {
    test("running → queued with a mark; a lost run is counted once, even if repeated", async () => {
      const run = await running();
      expect(await given.store.runs.requeue([runOf(run, 2)], true)).toEqual([false]);
      expect(await given.store.runs.requeue([runOf(run)], true)).toEqual([true]);
      expect(await given.other.runs.requeue([runOf(run)], true)).toEqual([true]);
      const queuedAgain = await now(run);
      expect(queuedAgain).toMatchObject({ status: "queued", epoch: 1, lost: 1, mark: executionMark(1) });
      expect([queuedAgain.worker_id, queuedAgain.claim_id]).toEqual([undefined, undefined]);

      const { held } = await given.store.runs.claim(claimFor(), [refOf(run)]);
      expect(held[0]?.epoch).toBe(2);
      expect(await given.store.runs.requeue([runOf(run)], true)).toEqual([false]);
      expect(await given.store.runs.requeue([runOf(run, 2), runOf(madeExecution(), 1)], false)).toEqual([
        true,
        false,
      ]);
      expect(await now(run)).toMatchObject({ status: "queued", lost: 1, epoch: 2 });
    });

    test("two concurrent requeues of one run count one loss", async () => {
      const run = await running();
      await Promise.all(
        [given.store, given.other, given.store].map((one) => one.runs.requeue([runOf(run)], true)),
      );
      expect((await now(run)).lost).toBe(1);
    });

    test("refuses a run whose cancellation was requested or that has ended", async () => {
      const run = await running();
      await given.store.executions.cancel(cancelOf(run), madeOutcome("cancelled"));
      expect(await given.store.runs.requeue([runOf(run)], true)).toEqual([false]);
      expect(await now(run)).toMatchObject({ status: "running", lost: 0 });
      await given.store.runs.finish([{ ...runOf(run), outcome: madeOutcome() }]);
      expect(await given.store.runs.requeue([runOf(run)], false)).toEqual([false]);
      expect((await now(run)).status).toBe("succeeded");
    });
  });
}
