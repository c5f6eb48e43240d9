import { describe, expect, test } from "bun:test";
import { executionMark, outcomeMark } from "@sate/contracts";
import type { Execution } from "../../../src/executions/execution.ts";
import { pagesOf } from "../../../src/pages.ts";
import { cancelOf, madeExecution, madeOutcome, refOf, runOf } from "../../builders.ts";
import type { Given } from "./given.ts";

export function confirmationsConformance(given: Given): void {
  const { queued, one, running, now, marksOf, claimFor } = given;

  describe("confirmations", () => {
    /** Executions that have ended and whose outcomes are published. */
    async function published(count: number): Promise<Execution[]> {
      const { held } = await given.store.runs.claim(claimFor(), (await queued(count)).map(refOf));
      await given.store.runs.finish(held.map((run) => ({ ...runOf(run), outcome: madeOutcome() })));
      await given.store.outbox.clear(held.map((run) => ({ ...run, mark: outcomeMark })));
      return held.toSorted((a, b) => (a.request_id < b.request_id ? -1 : 1));
    }
    const keyOf = ({ request_id, attempt }: Execution) => ({ request_id, attempt });
    /** Those of these that are unconfirmed, walking pages of `limit`. */
    async function unconfirmedOf(executions: Execution[], limit = 1_000) {
      const own = new Set(executions.map(({ request_id }) => request_id));
      const pages = await Array.fromAsync(pagesOf(given.other.confirmations.unconfirmed, limit));
      return pages.flat().filter(({ request_id }) => own.has(request_id));
    }

    test("an outcome is unconfirmed once it is published, and then no longer in the outbox", async () => {
      const [waiting, run] = [await one(), await running()];
      expect(await unconfirmedOf([waiting, run])).toEqual([]);
      await given.store.outbox.clear([{ ...waiting, mark: executionMark(0) }]);
      await given.store.runs.finish([{ ...runOf(run), outcome: madeOutcome() }]);
      expect(await unconfirmedOf([waiting, run])).toEqual([]);
      await given.store.outbox.clear([{ ...run, mark: outcomeMark }]);
      await given.store.outbox.clear([{ ...run, mark: outcomeMark }]);
      expect(await unconfirmedOf([waiting, run])).toEqual([keyOf(run)]);
      expect(await marksOf([waiting, run])).toEqual([]);
      expect(await given.store.outbox.stillMarked([{ ...run, mark: outcomeMark }])).toEqual([]);
    });

    test("an execution that was cancelled before it ran is unconfirmed too", async () => {
      const execution = await one();
      await given.store.executions.cancel(cancelOf(execution), madeOutcome("cancelled"));
      await given.store.outbox.clear([{ ...execution, mark: outcomeMark }]);
      expect(await unconfirmedOf([execution])).toEqual([keyOf(execution)]);
    });

    test("confirmed ones are no longer listed, the others in pages, by key", async () => {
      const executions = await published(7);
      expect(await unconfirmedOf(executions)).toEqual(executions.map(keyOf));
      expect(await unconfirmedOf(executions, 2)).toEqual(executions.map(keyOf));
      await given.store.confirmations.confirm(executions.slice(0, 3).map(keyOf));
      await given.other.confirmations.confirm(executions.slice(2, 4).map(keyOf));
      expect(await unconfirmedOf(executions, 2)).toEqual(executions.slice(4).map(keyOf));
      for (const execution of executions) expect((await now(execution)).status).toBe("succeeded");
    });

    test("publishAgain puts an outcome back into the outbox, with outputs", async () => {
      const [execution] = (await published(1)) as [Execution];
      await given.store.confirmations.publishAgain([keyOf(execution)]);
      await given.other.confirmations.publishAgain([keyOf(execution)]);
      expect(await unconfirmedOf([execution])).toEqual([]);
      expect(await marksOf([execution])).toEqual([outcomeMark]);
      const [standing] = await given.store.outbox.stillMarked([{ ...execution, mark: outcomeMark }]);
      expect(standing?.outcome).toMatchObject({ status: "succeeded", outputs_json: '{"a":1}' });
      await given.store.outbox.clear([{ ...execution, mark: outcomeMark }]);
      expect(await unconfirmedOf([execution])).toEqual([keyOf(execution)]);
    });

    test("confirm and publishAgain change nothing but unconfirmed executions", async () => {
      const [done] = (await published(1)) as [Execution];
      await given.store.confirmations.confirm([keyOf(done)]);
      const marked = await running();
      await given.store.runs.finish([{ ...runOf(marked), outcome: madeOutcome() }]);
      const all = [done, marked, await one(), await running()];
      const before = await given.store.executions.get(all);
      const keys = [...all, madeExecution()].map(keyOf);
      await given.store.confirmations.publishAgain(keys);
      await given.store.confirmations.confirm(keys);
      expect(await given.store.executions.get(all)).toEqual(before);
    });

    test("of confirm and publishAgain at the same instant one wins", async () => {
      const executions = await published(20);
      await Promise.all(
        executions.map((execution, index) => {
          const calls = [given.store.confirmations.confirm, given.other.confirmations.publishAgain];
          return Promise.all(
            (index % 2 ? calls : calls.toReversed()).map((call) => call([keyOf(execution)])),
          );
        }),
      );
      for (const execution of executions) {
        expect([undefined, outcomeMark]).toContain((await now(execution)).mark);
      }
    });
  });
}
