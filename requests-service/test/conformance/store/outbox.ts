import { describe, expect, test } from "bun:test";
import { executionMark, outcomeMark } from "@sate/contracts";
import type { Execution } from "../../../src/executions/execution.ts";
import { pagesOf } from "../../../src/pages.ts";
import { madeOutcome, refOf, runOf } from "../../builders.ts";
import type { Given } from "./given.ts";

export function outboxConformance(given: Given): void {
  const { queued, now, marksOf, claimFor } = given;

  describe("outbox", () => {
    test("marks are found in pages, outcomes first, then by key", async () => {
      const executions = await queued(7);
      const done = executions.slice(2, 4);
      const { held } = await given.store.runs.claim(claimFor(), done.map(refOf));
      await given.store.runs.finish(held.map((run) => ({ ...runOf(run), outcome: madeOutcome() })));
      const expected = [...done.map(() => outcomeMark), ...Array(5).fill(executionMark(0))];
      expect(await marksOf(executions)).toEqual(expected);
      expect(await marksOf(executions, 2)).toEqual(expected);
      const ids = new Set(executions.map(({ request_id }) => request_id));
      const page = (await given.store.outbox.marked({ limit: 10_000 })).filter((one) =>
        ids.has(one.request_id),
      );
      const key = ({ request_id, attempt }: Execution) => ({ request_id, attempt });
      const waiting = [...executions.slice(0, 2), ...executions.slice(4)];
      expect(page.map(({ request_id, attempt }) => ({ request_id, attempt }))).toEqual(
        [...done, ...waiting].map(key),
      );
    });

    test("pages that are read while marks are cleared and set miss none and repeat none", async () => {
      const executions = await queued(9);
      const own = new Set(executions.map(({ request_id }) => request_id));
      const seen: string[] = [];
      for await (const page of pagesOf(given.other.outbox.marked, 2)) {
        seen.push(...page.flatMap(({ request_id }) => (own.has(request_id) ? [request_id] : [])));
        // What was seen is published and gone, and others come, before and behind.
        await given.store.outbox.clear(page.filter(({ request_id }) => own.has(request_id)));
        if (seen.length < 6) await queued(1);
      }
      expect(seen).toEqual(executions.map(({ request_id }) => request_id));
    });

    test("clear removes exactly these marks: a newer one on the same execution stays", async () => {
      const [a, b] = await queued(2);
      if (!a || !b) throw new Error("two were asked for");
      const { held } = await given.store.runs.claim(claimFor(), [refOf(a)]);
      await given.store.runs.requeue(
        held.map((run) => runOf(run)),
        false,
      );
      const { request_id, attempt } = b;
      await given.store.outbox.clear([
        { request_id: a.request_id, attempt: 1, mark: executionMark(0) },
        { request_id: a.request_id, attempt: 1, mark: outcomeMark },
        { request_id, attempt, mark: executionMark(0) },
      ]);
      expect((await now(a)).mark).toBe(executionMark(1));
      expect((await now(b)).mark).toBeUndefined();
      expect(await marksOf([a, b])).toEqual([executionMark(1)]);
    });

    test("only executions that still have their mark are returned for publishing", async () => {
      const [a, b] = await queued(2);
      if (!a || !b) throw new Error("two were asked for");
      await given.store.runs.claim(claimFor(), [refOf(a)]);
      const seen = [a, b].map(({ request_id, attempt }) => ({ request_id, attempt, mark: executionMark(0) }));
      const standing = await given.store.outbox.stillMarked([
        ...seen,
        { ...seen[0], mark: outcomeMark } as never,
      ]);
      expect(standing).toEqual([expect.objectContaining(b)]);
    });
  });
}
