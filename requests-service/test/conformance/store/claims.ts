import { describe, expect, test } from "bun:test";
import { defaultProcessor } from "@sate/contracts";
import type { Execution } from "../../../src/executions/execution.ts";
import { pagesOf } from "../../../src/pages.ts";
import { madeExecution, madeOutcome, newId, refOf, runOf } from "../../builders.ts";
import type { Given } from "./given.ts";

export function claimsConformance(given: Given): void {
  const { queued, one, running, now, claimFor } = given;

  describe("claims", () => {
    test("queued → running, epoch + 1, the mark cleared", async () => {
      const execution = await one();
      const claim = claimFor();
      const { held, refused } = await given.store.runs.claim(claim, [refOf(execution)]);
      expect(refused).toBe(0);
      expect(held).toEqual([
        expect.objectContaining({ id: execution.id, status: "running", epoch: 1, ...claim }),
      ]);
      expect((await now(execution)).mark).toBeUndefined();
    });

    test("are exclusive: each execution has one holder", async () => {
      const executions = await queued(20);
      const answers = await Promise.all(
        Array.from({ length: 20 }, (_, index) =>
          given.either(index).runs.claim(claimFor(), executions.map(refOf)),
        ),
      );
      const held = answers.flatMap(({ held }) => held.map(({ id }) => id));
      expect(held.toSorted()).toEqual(executions.map(({ id }) => id).toSorted());
      for (const { held, refused } of answers) expect(held.length + refused).toBe(20);
    });

    test("a repetition returns the same runs, with the same epoch", async () => {
      const executions = await queued(3);
      const claim = claimFor();
      const first = await given.store.runs.claim(claim, executions.map(refOf));
      const again = await given.other.runs.claim(claim, executions.map(refOf));
      expect(again.held.map(({ id }) => id).toSorted()).toEqual(first.held.map(({ id }) => id).toSorted());
      expect(again.held.every(({ epoch }) => epoch === 1)).toBe(true);
      const another = { ...claimFor(), worker_id: claim.worker_id };
      expect(await given.store.runs.claim(another, executions.map(refOf))).toEqual({ held: [], refused: 3 });
    });

    test("running, final, unknown and misnamed executions are distinguished", async () => {
      const [taken, done, free] = [await running(), await running(), await one()];
      await given.store.runs.finish([{ ...runOf(done), outcome: madeOutcome() }]);
      const misnamed = { ...refOf(await one()), execution_id: newId() };
      const unknown = refOf(madeExecution());
      const refs = [refOf(taken), refOf(done), refOf(free), misnamed, unknown];
      const { held, refused } = await given.store.runs.claim(claimFor(), refs);
      expect(held.map(({ id }) => id)).toEqual([free.id]);
      expect(refused).toBe(2);
    });

    test("lists the queued executions of a processor, lowest key first, and of all processors", async () => {
      const executions = await queued(5);
      const taken = executions[2] as Execution;
      await given.store.runs.claim(claimFor(), [refOf(taken)]);
      const [ofOne = []] = await given.store.runs.queued([{ processor: defaultProcessor, limit: 10_000 }]);
      const [ofAll = []] = await given.store.runs.queued([{ limit: 10_000 }]);
      for (const listed of [ofOne, ofAll]) {
        const keys = listed.map(({ request_id }) => request_id);
        expect(keys).toContain(executions[0]?.request_id as string);
        expect(keys).not.toContain(taken.request_id);
      }
      const keys = ofOne.map(({ request_id }) => request_id);
      expect(keys).toEqual(keys.toSorted());
      expect((await given.store.runs.queued([{ limit: 2 }]))[0]).toHaveLength(2);
    });
  });

  describe("running executions", () => {
    test("are listed by worker and by claim, in pages, while some leave", async () => {
      const worker_id = newId();
      const executions = await queued(7);
      const claim = claimFor(worker_id);
      await given.store.runs.claim(claim, executions.slice(0, 5).map(refOf));
      await given.store.runs.claim(claimFor(worker_id), executions.slice(5).map(refOf));
      await running();
      const names = (list: Execution[]) => list.map(({ id }) => id);
      expect(names(await given.store.runs.running({ worker_id, limit: 100 }))).toEqual(names(executions));
      expect(names(await given.store.runs.running({ ...claim, limit: 100 }))).toEqual(
        names(executions.slice(0, 5)),
      );

      const seen: string[] = [];
      const heldBy = (page: { after?: Execution | undefined; limit: number }) =>
        given.store.runs.running({ worker_id, ...page });
      for await (const page of pagesOf(heldBy, 2)) {
        seen.push(...names(page));
        // Those that were seen leave: the next page must not jump over others because of that.
        await given.store.runs.requeue(
          page.map((run) => runOf(run)),
          false,
        );
      }
      expect(seen).toEqual(names(executions));
    });

    test("are listed for all workers", async () => {
      const [a, b] = [await running(), await running()];
      const all = (await given.store.runs.running({ limit: 10_000 })).map(({ id }) => id);
      expect(all).toContain(a.id);
      expect(all).toContain(b.id);
      const after = (await given.store.runs.running({ after: a, limit: 10_000 })).map(({ id }) => id);
      expect(after).not.toContain(a.id);
    });
  });
}
