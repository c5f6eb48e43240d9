import { describe, expect, test } from "bun:test";
import { type Claimable, executionMark } from "@sate/contracts";
import type { Execution } from "../../../src/executions/execution.ts";
import { madeExecution, madeOutcome, newId, refOf, runOf } from "../../builders.ts";
import type { Given } from "./given.ts";

const hourMs = 3_600_000;

export function claimableConformance(given: Given): void {
  const { now, claimFor } = given;

  /** Stores executions of a request of its own, each. */
  async function stored(...parts: Partial<Execution>[]): Promise<Execution[]> {
    const executions = parts.map((one) => madeExecution(one));
    await given.store.executions.insert(executions);
    return executions;
  }
  const ids = (list: { execution_id: string }[] = []) => list.map(({ execution_id }) => execution_id);
  const served = (...names: string[]): Claimable[] =>
    names.map((name) => ({ name, limit: 10, timeout_seconds: 60 }));

  describe("what may be claimed", () => {
    test("a claim takes executions of the processors that it names; the others stay queued", async () => {
      const [mine, theirs] = (await stored({ processor: "a" }, { processor: "b" })) as [Execution, Execution];
      const { held, refused } = await given.store.runs.claim(
        claimFor(),
        [mine, theirs].map(refOf),
        served("a", "c"),
      );
      expect([held.map(({ id }) => id), refused]).toEqual([[mine.id], 1]);
      expect(await now(theirs)).toMatchObject({ status: "queued", epoch: 0, mark: executionMark(0) });
      expect((await given.other.runs.claim(claimFor(), [refOf(theirs)])).held).toHaveLength(1);
    });

    test("the first claim sets the deadline to the shorter of the client's and the processor's timeout; no later claim moves it", async () => {
      const [short, long] = (await stored({ timeout_seconds: 0.5 }, { timeout_seconds: 1_000 })) as [
        Execution,
        Execution,
      ];
      const at = given.store.now();
      const refs = [short, long].map(refOf);
      const { held } = await given.store.runs.claim(claimFor(), refs, served("simulate"));
      for (const [index, ms] of [500, 60_000].entries()) {
        const { deadline_at = 0, wake_at } = held[index] as Execution;
        expect(deadline_at - at).toBeGreaterThanOrEqual(ms - 1_000);
        expect(deadline_at - at).toBeLessThan(ms + hourMs);
        expect(wake_at).toBeUndefined();
      }
      expect((held[1]?.deadline_at ?? 0) - (held[0]?.deadline_at ?? 0)).toBe(59_500);
      const deadline_at = held[1]?.deadline_at;
      await given.store.runs.requeue([{ ...runOf(long, 1), deadline_at }], true);
      expect(await now(long)).toMatchObject({ status: "queued", deadline_at, wake_at: deadline_at });
      const again = await given.other.runs.claim(claimFor(), [refOf(long)]);
      expect(again.held).toEqual([expect.objectContaining({ epoch: 2, deadline_at })]);
      expect((await now(long)).wake_at).toBeUndefined();
    });

    test("an execution that waits, has expired or is past its deadline is not claimed", async () => {
      const at = given.store.now();
      const executions = await stored(
        { start_after: at + hourMs, wake_at: at + hourMs, mark: undefined },
        // Its instant has come, and no sweep has woken it yet.
        { start_after: at - hourMs, wake_at: at - hourMs, mark: undefined },
        { expires_at: at - hourMs, wake_at: at - hourMs },
        { deadline_at: at - hourMs, wake_at: at - hourMs, epoch: 1 },
        // Only a first run can come too late.
        { expires_at: at - hourMs, epoch: 1 },
        { expires_at: at + hourMs, wake_at: at + hourMs },
      );
      const { held, refused } = await given.store.runs.claim(claimFor(), executions.map(refOf));
      expect(held.map(({ id }) => id)).toEqual(executions.slice(4).map(({ id }) => id));
      expect(refused).toBe(4);
      expect(await given.store.executions.get(executions.slice(0, 4))).toEqual(
        expect.arrayContaining(
          executions.slice(0, 4).map((one) => expect.objectContaining({ id: one.id, status: "queued" })),
        ),
      );
    });

    test("no execution waits behind another processor's backlog", async () => {
      const [busy, rare, idle] = ["busy", "rare", "idle"].map((name) => `${name}-${newId()}`) as [
        string,
        string,
        string,
      ];
      const backlog = await stored(
        ...Array.from({ length: 1_000 }, () => ({ processor: busy, mark: undefined })),
      );
      const others = await stored(...Array.from({ length: 3 }, () => ({ processor: rare })));
      const wanted = [busy, rare, idle].map((processor) => ({ processor, limit: 5 }));
      const lists = await given.store.runs.queued(wanted);
      const expected = [backlog.slice(0, 5), others, []].map((list) => list.map(({ id }) => id));
      expect(lists.map(ids)).toEqual(expected);
      // Where there is no backlog, each gets its own, too.
      const [some = [], more = []] = await given.store.runs.queued([
        { processor: rare, limit: 50 },
        { processor: idle, limit: 50 },
      ]);
      expect([ids(some), more]).toEqual([others.map(({ id }) => id), []]);
    });

    test("waiting executions are not listed, even if there are many", async () => {
      const processor = `p-${newId()}`;
      const start_after = given.store.now() + hourMs;
      const waiting = { processor, start_after, wake_at: start_after, mark: undefined };
      await stored(...Array.from({ length: 50 }, () => waiting));
      const [ready] = await stored({ processor });
      const [listed] = await given.store.runs.queued([{ processor, limit: 10 }]);
      expect(ids(listed)).toEqual([ready?.id as string]);
    });

    test("a claim and an expiry at the same instant: exactly one happens", async () => {
      for (let round = 0; round < 20; round++) {
        const [execution] = (await stored({})) as [Execution];
        const end = () =>
          given.other.waiting.end([{ ...runOf(execution, 0), outcome: madeOutcome("failed") }]);
        const early = round % 2 ? end() : null;
        const claiming = given.store.runs.claim(claimFor(), [refOf(execution)]);
        const [kind] = await (early ?? end());
        const { held } = await claiming;
        expect([kind, held.length]).toEqual(kind === "stored" ? ["stored", 0] : ["refused", 1]);
        expect((await now(execution)).status).toBe(kind === "stored" ? "failed" : "running");
      }
    });
  });
}
