import { describe, expect, test } from "bun:test";
import { type ExecutionRef, outcomeMark, Unavailable } from "@sate/contracts";
import type { Execution } from "../../../src/executions/execution.ts";
import { cancelOf, madeExecution, madeOutcome, newId, refOf } from "../../builders.ts";
import type { Given } from "./given.ts";

const contestMs = 120_000;

export function executionsConformance(given: Given): void {
  const { one, running, now } = given;

  describe("executions", () => {
    test(
      "of 50 contenders for one attempt exactly one wins, again and again",
      async () => {
        let request_id = newId();
        let attempt = 0;
        for (let round = 0; round < 200; round++) {
          // Requests have few attempts, and some have many.
          if (attempt === (round % 2 ? 3 : 20)) [request_id, attempt] = [newId(), 0];
          attempt++;
          const contenders = Array.from({ length: 50 }, () => madeExecution({ request_id, attempt }));
          const answers = await Promise.all(
            contenders.map((execution, index) => given.either(index).executions.insert([execution])),
          );
          const winners = contenders.filter((_, index) => answers[index]?.[0]);
          expect(winners).toHaveLength(1);
          const stored = (await given.store.executions.ofRequests([request_id])).get(request_id);
          expect(stored?.map(({ attempt }) => attempt)).toEqual(
            Array.from({ length: attempt }, (_, index) => index + 1),
          );
          expect(stored?.at(-1)?.id).toBe(winners[0]?.id as string);
        }
      },
      contestMs,
    );

    test("a batch with an invalid row is not acknowledged, and the others can be stored without it, once", async () => {
      const good = [madeExecution(), madeExecution()] as const;
      const bad = given.database.invalid(madeExecution());
      const batch = [good[0], bad, good[1]];
      await expect(given.store.executions.insert(batch)).rejects.toBeInstanceOf(Unavailable);
      // Whether they were stored with it or not: a repetition finds out.
      for (const execution of good) await given.other.executions.insert([execution]);
      expect((await given.store.executions.get([...good])).map(({ id }) => id).toSorted()).toEqual(
        good.map(({ id }) => id).toSorted(),
      );
      expect(await given.store.executions.get([bad])).toEqual([]);
    });

    test("pages that are read while attempts are added repeat none and miss none", async () => {
      const request_id = newId();
      let last = 0;
      const add = async () =>
        void (await given.store.executions.insert([madeExecution({ request_id, attempt: ++last })]));
      for (let count = 0; count < 5; count++) await add();
      const seen: number[] = [];
      for (;;) {
        const page = await given.other.executions.list({
          request_id,
          after_attempt: seen.at(-1) ?? 0,
          limit: 2,
        });
        seen.push(...page.map(({ attempt }) => attempt));
        if (page.length < 2) break;
        if (last < 8) await add();
      }
      expect(seen).toEqual(Array.from({ length: last }, (_, index) => index + 1));
    });

    test("of 50 contenders in one batch exactly one wins, and the others of the batch are stored", async () => {
      const request_id = newId();
      const contenders = Array.from({ length: 50 }, () => madeExecution({ request_id }));
      const answers = await given.store.executions.insert([madeExecution(), ...contenders, madeExecution()]);
      expect([answers[0], answers.at(-1)]).toEqual([true, true]);
      expect(answers.filter(Boolean)).toHaveLength(3);
    });

    test("are returned as they were stored, all of a request and in order, however many", async () => {
      const request_id = newId();
      const traceparent = `00-${"a".repeat(32)}-${"b".repeat(16)}-01`;
      const executions = Array.from({ length: 11 }, (_, index) =>
        madeExecution({ request_id, attempt: index + 1, force_error: index === 3, traceparent }),
      );
      await given.store.executions.insert(executions);
      const found = await given.other.executions.ofRequests([request_id, newId()]);
      expect(found.get(request_id)).toEqual(
        executions.map((execution) => expect.objectContaining(execution)),
      );
      const page = await given.store.executions.list({ request_id, after_attempt: 3, limit: 4 });
      expect(page.map(({ attempt }) => attempt)).toEqual([4, 5, 6, 7]);
      expect(await given.store.executions.list({ request_id, after_attempt: 11, limit: 4 })).toEqual([]);
    });

    test("cancel: queued → cancelled with a mark; running → cancellation requested; ended → nothing", async () => {
      const waiting = await one();
      const outcome = madeOutcome("cancelled");
      // Another execution at the same key is another one.
      await given.store.executions.cancel({ ...cancelOf(waiting), execution_id: newId() }, outcome);
      expect((await now(waiting)).status).toBe("queued");
      await given.store.executions.cancel(cancelOf(waiting), outcome);
      expect(await now(waiting)).toMatchObject({ status: "cancelled", outcome, mark: outcomeMark });
      await given.store.executions.cancel(cancelOf(waiting), madeOutcome("cancelled"));
      expect((await now(waiting)).outcome?.result_id).toBe(outcome.result_id);

      const run = await running();
      await given.store.executions.cancel(cancelOf(run), madeOutcome("cancelled"));
      expect(await now(run)).toMatchObject({ status: "running", cancel_requested: true, epoch: 1 });
    });

    test("a cancellation of many is requested of those that are running, and of no others", async () => {
      const [waiting, ...runs] = [await one(), await running(), await running(), await running()];
      const [asked, renamed, other] = runs.map(refOf) as [ExecutionRef, ExecutionRef, ExecutionRef];
      await given.store.executions.requestCancel([
        refOf(waiting),
        asked,
        { ...renamed, execution_id: newId() },
      ]);
      const all = [waiting, ...runs];
      expect(await Promise.all(all.map(async (each) => (await now(each)).cancel_requested))).toEqual([
        false,
        true,
        false,
        false,
      ]);
      await given.store.executions.requestCancel([asked, other]);
      expect((await now(runs[2] as Execution)).cancel_requested).toBe(true);
    });
  });
}
