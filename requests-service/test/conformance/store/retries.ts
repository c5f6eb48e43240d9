import { describe, expect, test } from "bun:test";
import type { Execution } from "../../../src/executions/execution.ts";
import { cancelOf, madeExecution, madeOutcome, refOf, runOf } from "../../builders.ts";
import type { Given } from "./given.ts";

export function retriesConformance(given: Given): void {
  const { running, now, marksOf, claimFor } = given;
  const last_error = { code: "busy", message: 'Not now: "é".' };
  const hourMs = 3_600_000;

  function retryOf(run: Execution, epoch = run.epoch) {
    const start_after = given.store.now() + hourMs;
    return { ...runOf(run, epoch), start_after, wake_at: start_after - 1, last_error };
  }

  describe("retryLater", () => {
    test("running → queued until its instant, without a mark; counts a try, and a repetition counts none", async () => {
      const run = await running();
      const retry = retryOf(run);
      const { start_after, wake_at } = retry;
      for (const store of [given.store, given.other])
        expect(await store.runs.retryLater([retry])).toEqual([true]);
      const stored = await now(run);
      expect(stored).toMatchObject({
        status: "queued",
        epoch: 1,
        tries: 1,
        lost: 0,
        start_after,
        wake_at,
        last_error,
      });
      expect(stored.deadline_at).toBe(run.deadline_at as number);
      expect([stored.worker_id, stored.claim_id, stored.mark]).toEqual([undefined, undefined, undefined]);
      expect(await marksOf([run])).toEqual([]);
      const { held, refused } = await given.store.runs.claim(claimFor(), [refOf(run)]);
      expect([held, refused]).toEqual([[], 1]);
    });

    test("rejects every stale epoch, and the run has ended", async () => {
      let run = await running();
      for (let tries = 1; tries <= 4; tries++) {
        for (const other of [0, 1, 2, 3, 4, 5].filter((one) => one !== run.epoch)) {
          expect(await given.store.runs.retryLater([retryOf(run, other)])).toEqual([false]);
        }
        const retry = retryOf(run);
        expect(await given.store.runs.retryLater([retry, retryOf(madeExecution(), 1)])).toEqual([
          true,
          false,
        ]);
        expect(await given.store.runs.finish([{ ...runOf(run), outcome: madeOutcome() }])).toEqual([
          "refused",
        ]);
        expect(await now(run)).toMatchObject({ status: "queued", epoch: tries, tries });
        await given.other.waiting.wake([
          { ...runOf(run), start_after: retry.start_after, wake_at: undefined },
        ]);
        run = (await given.store.runs.claim(claimFor(), [refOf(run)])).held[0] as Execution;
        expect(run).toMatchObject({ epoch: tries + 1, tries });
      }
    });

    test("of a retry, an outcome and a requeue at the same instant exactly one happens", async () => {
      for (let round = 0; round < 20; round++) {
        const run = await running();
        const calls = [
          () => given.store.runs.retryLater([retryOf(run)]),
          () => given.other.runs.finish([{ ...runOf(run), outcome: madeOutcome("failed") }]),
          () => given.store.runs.requeue([runOf(run)], true),
        ];
        const inTurn = calls.map((_, index) => calls[(index + round) % 3] as () => Promise<unknown>);
        await Promise.all(inTurn.map((call) => call()));
        const { status, tries, lost } = await now(run);
        expect([
          ["failed", 0, 0],
          ["queued", 1, 0],
          ["queued", 0, 1],
        ]).toContainEqual([status, tries, lost]);
      }
    });

    test("of a retry and a cancellation at the same instant neither is lost", async () => {
      for (let round = 0; round < 20; round++) {
        const run = await running();
        const early = round % 2 ? given.store.runs.retryLater([retryOf(run)]) : null;
        const cancelling = given.other.executions.cancel(cancelOf(run), madeOutcome("cancelled"));
        const [isQueued] = await (early ?? given.store.runs.retryLater([retryOf(run)]));
        await cancelling;
        const stored = await now(run);
        if (isQueued) {
          // The caller that cancels reads it again, because the outcome that it brought knows nothing of this try.
          expect(stored).toMatchObject({ status: "queued", tries: 1, cancel_requested: false });
          await given.other.executions.cancel(cancelOf(stored), madeOutcome("cancelled"));
          expect((await now(run)).status).toBe("cancelled");
        } else expect(stored).toMatchObject({ status: "running", tries: 0, cancel_requested: true });
      }
    });
  });
}
