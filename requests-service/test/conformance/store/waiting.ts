import { describe, expect, test } from "bun:test";
import { executionMark, outcomeMark } from "@sate/contracts";
import type { Execution } from "../../../src/executions/execution.ts";
import { cancelOf, madeExecution, madeOutcome, newId, refOf, runOf } from "../../builders.ts";
import type { Given } from "./given.ts";

export function waitingConformance(given: Given): void {
  const { one, running, now, marksOf, claimFor } = given;

  /** Instants that no other test uses, so that each sees its own executions. */
  let instants = 1_000_000;
  const instant = () => (instants += 1_000);

  /** Stores an execution that waits for `start_after`. */
  async function waiting(start_after = instant(), parts: Partial<Execution> = {}): Promise<Execution> {
    const execution = madeExecution({ start_after, wake_at: start_after, mark: undefined, ...parts });
    await given.store.executions.insert([execution]);
    return execution;
  }
  const wokenOf = (execution: Execution, wake_at?: number) => {
    const { start_after = 0 } = execution;
    return { ...runOf(execution), start_after, wake_at };
  };

  describe("waiting", () => {
    test("finds only the executions that are due, the earliest first", async () => {
      const at = instant();
      const [late, early, last] = [await waiting(at + 2), await waiting(at + 1), await waiting(at + 3)];
      await waiting(at + 5);
      await one();
      const cancelled = await waiting(at);
      await given.store.executions.cancel(cancelOf(cancelled), madeOutcome("cancelled"));
      const due = async (limit: number) =>
        (await given.other.waiting.due({ until: at + 3, limit })).filter(({ wake_at = 0 }) => wake_at >= at);
      const ids = (list: Execution[]) => list.map(({ id }) => id);
      expect(ids(await due(1_000))).toEqual(ids([early, late, last]));
      const [first] = await given.store.waiting.due({ until: at + 3, limit: 1 });
      expect(first?.wake_at).toBeLessThanOrEqual(at + 1);
    });

    test("wake: clears the start, sets the mark, and allows a claim; a repetition changes nothing", async () => {
      const execution = await waiting();
      const { start_after = 0 } = execution;
      const wrong = [
        { ...wokenOf(execution), epoch: 1 },
        { ...wokenOf(execution), start_after: start_after + 1 },
        wokenOf(madeExecution({ start_after })),
      ];
      expect(await given.store.waiting.wake(wrong)).toEqual([false, false, false]);
      expect(await now(execution)).toMatchObject({ start_after });
      const later = given.store.now() + 3_600_000;
      for (const store of [given.store, given.other]) {
        expect(await store.waiting.wake([wokenOf(execution, later)])).toEqual([true]);
      }
      const awake = await now(execution);
      expect(awake).toMatchObject({ status: "queued", wake_at: later, mark: executionMark(0) });
      expect(awake.start_after).toBeUndefined();
      expect((await given.store.runs.claim(claimFor(), [refOf(execution)])).held).toHaveLength(1);
      expect(await given.other.waiting.wake([wokenOf(execution)])).toEqual([false]);
      expect((await now(execution)).mark).toBeUndefined();
    });

    test("of two sweepers and a claim at the same instant nothing runs twice, and no mark is left", async () => {
      for (let round = 0; round < 20; round++) {
        const execution = await waiting();
        await Promise.all([
          given.store.waiting.wake([wokenOf(execution)]),
          given.other.waiting.wake([wokenOf(execution)]),
          given.store.runs.claim(claimFor(), [refOf(execution)]),
        ]);
        const { held } = await given.other.runs.claim(claimFor(), [refOf(execution)]);
        const { epoch, status, mark } = await now(execution);
        expect([epoch, status, mark]).toEqual([1, "running", undefined]);
        expect(held.length).toBeLessThanOrEqual(1);
      }
    });

    test("end: queued with this epoch → the outcome, once, with a mark and without an instant to wait for", async () => {
      const [a, b] = [await waiting(), await waiting()];
      const run = await running();
      const outcome = madeOutcome("failed");
      const ended = { ...runOf(a), outcome };
      const answers = await given.store.waiting.end([
        { ...ended, epoch: 1, outcome: madeOutcome("failed") },
        { ...ended, execution_id: newId() },
        ended,
        { ...runOf(run), outcome },
        { ...runOf(b), outcome: madeOutcome("failed") },
      ]);
      expect(answers).toEqual(["refused", "unknown", "stored", "refused", "stored"]);
      expect(await given.other.waiting.end([ended])).toEqual(["stored"]);
      expect(await given.other.waiting.end([{ ...ended, outcome: madeOutcome("failed") }])).toEqual([
        "refused",
      ]);
      const stored = await now(a);
      expect(stored).toMatchObject({ status: "failed", outcome, mark: outcomeMark });
      expect([stored.start_after, stored.wake_at]).toEqual([undefined, undefined]);
      expect(await marksOf([a, b])).toEqual([outcomeMark, outcomeMark]);
      expect((await now(run)).status).toBe("running");
    });

    test("a cancellation and a wake at the same instant: it is cancelled, without an instant to wait for", async () => {
      for (let round = 0; round < 20; round++) {
        const execution = await waiting();
        const outcome = madeOutcome("cancelled");
        const waking = round % 2 ? given.store.waiting.wake([wokenOf(execution)]) : null;
        const cancelling = given.other.executions.cancel(cancelOf(execution), outcome);
        await Promise.all([waking ?? given.store.waiting.wake([wokenOf(execution)]), cancelling]);
        const stored = await now(execution);
        expect(stored).toMatchObject({ status: "cancelled", outcome, mark: outcomeMark });
        expect([stored.start_after, stored.wake_at]).toEqual([undefined, undefined]);
      }
    });
  });
}
