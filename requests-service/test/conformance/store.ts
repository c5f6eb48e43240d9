import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { executionMark, limits, outcomeMark } from "@sate/contracts";
import type { Execution } from "../../src/execution.ts";
import { type Store, Unavailable } from "../../src/ports.ts";
import { madeExecution, madeOutcome, madeRefusal, madeRequest, newId, refOf, runOf } from "../made.ts";
import { refusalsConformance } from "./refusals.ts";

export type StoreUnderTest = {
  /** A store on a database of its own, or on that of a store made before. Not opened. */
  make(sameAs?: Store): Promise<Store>;
  /** How often one of them has asked the database to do something: commands, commits. */
  operations(): number;
  /** The execution, made such that this database will never take it. */
  spoilt(execution: Execution): Execution;
};

const contestMs = 120_000;
/** More than all payloads of a test. */
const bytesMax = 1_000_000;

/** What every `Store` must do. */
export function storeConformance(name: string, under: () => Promise<StoreUnderTest>): void {
  describe(`${name} is a store`, () => {
    let database: StoreUnderTest;
    let store: Store;
    let other: Store;
    beforeAll(async () => {
      database = await under();
      store = await database.make();
      await store.open();
      other = await database.make(store);
      await other.open();
    }, 60_000);
    afterAll(async () => {
      await store?.close();
      await other?.close();
    }, 60_000);

    /** Stores new executions of requests of their own. */
    async function queued(count: number, parts: Partial<Execution> = {}): Promise<Execution[]> {
      const executions = Array.from({ length: count }, () => madeExecution(parts));
      expect(await store.executions.insert(executions)).toEqual(executions.map(() => true));
      return executions;
    }
    async function one(parts: Partial<Execution> = {}): Promise<Execution> {
      return (await queued(1, parts))[0] as Execution;
    }
    const claimFor = (workerId = newId()) => ({ workerId, claimId: newId() });
    async function running(workerId?: string): Promise<Execution> {
      const { held } = await store.runs.claim(claimFor(workerId), [refOf(await one())]);
      return held[0] as Execution;
    }
    async function now(execution: Execution): Promise<Execution> {
      return (await store.executions.get([execution]))[0] as Execution;
    }
    /** All marks of these, walking pages of `limit`. */
    async function marksOf(executions: Execution[], limit = 1_000): Promise<string[]> {
      const ids = new Set(executions.map(({ requestId }) => requestId));
      const marks: string[] = [];
      for (let after: Parameters<Store["outbox"]["marked"]>[0]["after"]; ; ) {
        const page = await store.outbox.marked({ after, limit });
        marks.push(...page.flatMap(({ requestId, mark }) => (ids.has(requestId) ? [mark] : [])));
        if (page.length < limit) return marks;
        after = page.at(-1);
      }
    }

    describe("requests", () => {
      test("are read by id up to so many bytes of payloads, at least one", async () => {
        const payloadJson = `"${"ä".repeat(499)}"`; // 1,000 bytes
        const ids = Array.from({ length: 5 }, newId).toSorted();
        const requests = ids.map((id) => madeRequest({ id, payloadJson }));
        await store.requests.insert(requests);
        const within = async (bytesMax: number, asked = ids.toReversed()) => {
          const { found, isCut } = await other.requests.getWithin(asked, bytesMax);
          expect([...found.values()].every((one) => one.payloadJson === payloadJson)).toBe(true);
          return { found: [...found.keys()], isCut };
        };
        expect(await within(5_000)).toEqual({ found: ids, isCut: false });
        const cut = { found: ids.slice(0, 3), isCut: true };
        expect([await within(3_999), await within(3_000)]).toEqual([cut, cut]);
        expect(await within(1)).toEqual({ found: ids.slice(0, 1), isCut: true });
        const [last = ""] = ids.slice(4);
        expect(await within(1, [newId(), last, last, newId()])).toEqual({ found: [last], isCut: false });
      });

      test("are kept byte for byte, whatever the payload", async () => {
        const payloads = [
          '{"n":1e400,"big":9007199254740993,"zero":-0}',
          '"\\ud800"',
          '{"__proto__":{"admin":true},"constructor":1,"$where":"x","a.b":1,"":2}',
          '{"2":1,"1":2,"b":3,"a":4, "b" : 5}',
          '"\\u0000 \u2028 \u{1f600} é"',
          "null",
          `"${"x".repeat(limits.bodyBytesDefault - 2)}"`,
        ];
        const requests = payloads.map((payloadJson) => madeRequest({ payloadJson }));
        await store.requests.insert(requests);
        const found = await other.requests.get(requests.map(({ id }) => id));
        expect(requests.map(({ id }) => found.get(id)?.payloadJson)).toEqual(payloads);
      });

      test("an insert may be repeated, and answers what stands there, in the order asked for", async () => {
        const [a, b] = [madeRequest({ processor: "p" }), madeRequest()];
        expect(await store.requests.insert([a])).toEqual([a]);
        const answer = await store.requests.insert([b, { ...a, payloadJson: "2", processor: undefined }]);
        expect(answer.map(({ id, payloadJson, processor }) => [id, payloadJson, processor])).toEqual([
          [b.id, b.payloadJson, undefined],
          [a.id, a.payloadJson, "p"],
        ]);
      });

      test("the same id twice in one batch is one request", async () => {
        const request = madeRequest();
        const twice = [request, { ...request, payloadJson: "2" }];
        const answer = await store.requests.insert(twice);
        expect(answer.map(({ payloadJson }) => payloadJson)).toEqual([
          request.payloadJson,
          request.payloadJson,
        ]);
      });

      test("are listed newest first, in pages", async () => {
        const ids: string[] = [];
        for (let index = 0; index < 5; index++) ids.unshift(newId());
        await store.requests.insert(ids.map((id) => madeRequest({ id })));
        const first = await store.requests.list({ limit: 2, bytesMax });
        expect([...first.found.keys()]).toEqual(ids.slice(0, 2));
        expect(first.isCut).toBe(true);
        const next = await store.requests.list({ limit: 3, bytesMax, before: ids[1] });
        expect([...next.found.keys()]).toEqual(ids.slice(2));
      });

      test("a page of large ones ends early, after one at least, and says that there are more", async () => {
        const ids: string[] = [];
        for (let index = 0; index < 3; index++) ids.unshift(newId());
        const payloadJson = JSON.stringify("x".repeat(998));
        await store.requests.insert(ids.map((id) => madeRequest({ id, payloadJson })));
        for (const [bytes, count] of [
          [10, 1],
          [1_999, 1],
          [2_000, 2],
        ] as const) {
          const page = await store.requests.list({ limit: 3, bytesMax: bytes });
          expect([...page.found.keys()]).toEqual(ids.slice(0, count));
          expect(page.isCut).toBe(true);
        }
      });

      test("pages that are read while newer ones arrive repeat none and miss none", async () => {
        const ids: string[] = [];
        for (let index = 0; index < 7; index++) ids.unshift(newId());
        await store.requests.insert(ids.map((id) => madeRequest({ id })));
        const seen: string[] = [];
        while (seen.length < ids.length) {
          const page = await other.requests.list({ limit: 2, bytesMax, before: seen.at(-1) });
          seen.push(...page.found.keys());
          await store.requests.insert([madeRequest()]);
        }
        expect(seen.slice(0, ids.length)).toEqual(ids);
      });

      test("those that are unknown are not there", async () => {
        expect((await store.requests.get([newId()])).size).toBe(0);
      });
    });

    describe("executions", () => {
      test(
        "50 contenders for one attempt, again and again: exactly one wins each",
        async () => {
          let requestId = newId();
          let attempt = 0;
          for (let round = 0; round < 200; round++) {
            // Requests have few attempts, and some have many.
            if (attempt === (round % 2 ? 3 : 20)) [requestId, attempt] = [newId(), 0];
            attempt++;
            const contenders = Array.from({ length: 50 }, () => madeExecution({ requestId, attempt }));
            const answers = await Promise.all(
              contenders.map((execution, index) =>
                (index % 2 ? store : other).executions.insert([execution]),
              ),
            );
            const winners = contenders.filter((_, index) => answers[index]?.[0]);
            expect(winners).toHaveLength(1);
            const stored = (await store.executions.ofRequests([requestId])).get(requestId);
            expect(stored?.map(({ attempt }) => attempt)).toEqual(
              Array.from({ length: attempt }, (_, index) => index + 1),
            );
            expect(stored?.at(-1)?.id).toBe(winners[0]?.id as string);
          }
        },
        contestMs,
      );

      test("a row that is never taken: its batch is not acknowledged, and the others go without it, once", async () => {
        const good = [madeExecution(), madeExecution()] as const;
        const bad = database.spoilt(madeExecution());
        const error = await store.executions
          .insert([good[0], bad, good[1]])
          .catch((reason: unknown) => reason);
        expect(error).toBeInstanceOf(Unavailable);
        // Whether they were stored with it or not: a repetition finds out.
        for (const execution of good) await other.executions.insert([execution]);
        expect((await store.executions.get([...good])).map(({ id }) => id).toSorted()).toEqual(
          good.map(({ id }) => id).toSorted(),
        );
        expect(await store.executions.get([bad])).toEqual([]);
      });

      test("pages that are read while attempts are added repeat none and miss none", async () => {
        const requestId = newId();
        let last = 0;
        const add = async () =>
          void (await store.executions.insert([madeExecution({ requestId, attempt: ++last })]));
        for (let count = 0; count < 5; count++) await add();
        const seen: number[] = [];
        for (;;) {
          const page = await other.executions.list({ requestId, afterAttempt: seen.at(-1) ?? 0, limit: 2 });
          seen.push(...page.map(({ attempt }) => attempt));
          if (page.length < 2) break;
          if (last < 8) await add();
        }
        expect(seen).toEqual(Array.from({ length: last }, (_, index) => index + 1));
      });

      test("50 contenders in one batch: exactly one wins, others of the batch are none the worse", async () => {
        const requestId = newId();
        const contenders = Array.from({ length: 50 }, () => madeExecution({ requestId }));
        const answers = await store.executions.insert([madeExecution(), ...contenders, madeExecution()]);
        expect([answers[0], answers.at(-1)]).toEqual([true, true]);
        expect(answers.filter(Boolean)).toHaveLength(3);
      });

      test("come back as they were stored, all of a request and in order, however many", async () => {
        const requestId = newId();
        const traceparent = `00-${"a".repeat(32)}-${"b".repeat(16)}-01`;
        const executions = Array.from({ length: 11 }, (_, index) =>
          madeExecution({ requestId, attempt: index + 1, forceError: index === 3, traceparent }),
        );
        await store.executions.insert(executions);
        const found = await other.executions.ofRequests([requestId, newId()]);
        expect(found.get(requestId)).toEqual(
          executions.map((execution) => expect.objectContaining(execution)),
        );
        const page = await store.executions.list({ requestId, afterAttempt: 3, limit: 4 });
        expect(page.map(({ attempt }) => attempt)).toEqual([4, 5, 6, 7]);
        expect(await store.executions.list({ requestId, afterAttempt: 11, limit: 4 })).toEqual([]);
      });

      test("cancel: queued → cancelled with a mark; running → asked for; ended → nothing", async () => {
        const waiting = await one();
        const outcome = madeOutcome("cancelled");
        await store.executions.cancel(refOf(waiting), outcome);
        expect(await now(waiting)).toMatchObject({ status: "cancelled", outcome, mark: outcomeMark });
        await store.executions.cancel(refOf(waiting), madeOutcome("cancelled"));
        expect((await now(waiting)).outcome?.result_id).toBe(outcome.result_id);

        const run = await running();
        await store.executions.cancel(refOf(run), madeOutcome("cancelled"));
        expect(await now(run)).toMatchObject({ status: "running", cancelRequested: true, epoch: 1 });
      });

      test("cancel of another execution at the same key does nothing", async () => {
        const execution = await one();
        await store.executions.cancel(
          { ...refOf(execution), execution_id: newId() },
          madeOutcome("cancelled"),
        );
        expect((await now(execution)).status).toBe("queued");
      });
    });

    describe("claims", () => {
      test("queued → running, epoch + 1, the mark cleared", async () => {
        const execution = await one();
        const claim = claimFor();
        const { held, refused } = await store.runs.claim(claim, [refOf(execution)]);
        expect(refused).toBe(0);
        expect(held).toEqual([
          expect.objectContaining({ id: execution.id, status: "running", epoch: 1, ...claim }),
        ]);
        expect((await now(execution)).mark).toBeUndefined();
      });

      test("are exclusive: of many that want the same, each execution has one holder", async () => {
        const executions = await queued(20);
        const answers = await Promise.all(
          Array.from({ length: 20 }, (_, index) =>
            (index % 2 ? store : other).runs.claim(claimFor(), executions.map(refOf)),
          ),
        );
        const held = answers.flatMap(({ held }) => held.map(({ id }) => id));
        expect(held.toSorted()).toEqual(executions.map(({ id }) => id).toSorted());
        for (const { held, refused } of answers) expect(held.length + refused).toBe(20);
      });

      test("a repetition gets the same runs, and no second epoch", async () => {
        const executions = await queued(3);
        const claim = claimFor();
        const first = await store.runs.claim(claim, executions.map(refOf));
        const again = await other.runs.claim(claim, executions.map(refOf));
        expect(again.held.map(({ id }) => id).toSorted()).toEqual(first.held.map(({ id }) => id).toSorted());
        expect(again.held.every(({ epoch }) => epoch === 1)).toBe(true);
        const another = { ...claimFor(), workerId: claim.workerId };
        expect(await store.runs.claim(another, executions.map(refOf))).toEqual({ held: [], refused: 3 });
      });

      test("running, final, unknown and misnamed ones are told apart", async () => {
        const [taken, done, free] = [await running(), await running(), await one()];
        await store.runs.finish([{ ...runOf(done), outcome: madeOutcome() }]);
        const misnamed = { ...refOf(await one()), execution_id: newId() };
        const nobody = refOf(madeExecution());
        const refs = [refOf(taken), refOf(done), refOf(free), misnamed, nobody];
        const { held, refused } = await store.runs.claim(claimFor(), refs);
        expect(held.map(({ id }) => id)).toEqual([free.id]);
        expect(refused).toBe(2);
      });

      test("the queue has what is queued, lowest first", async () => {
        const executions = await queued(5);
        const taken = executions[2] as Execution;
        await store.runs.claim(claimFor(), [refOf(taken)]);
        const keys = (await store.runs.queued(10_000)).map(({ request_id }) => request_id);
        expect(keys).toEqual(keys.toSorted());
        expect(keys).toContain(executions[0]?.requestId as string);
        expect(keys).not.toContain(taken.requestId);
        expect(await store.runs.queued(2)).toHaveLength(2);
      });
    });

    describe("finish", () => {
      test("keeps the outcome, marked; only of the last run, and only once", async () => {
        const run = await running();
        const outcome = madeOutcome("succeeded", { outputsJson: '{"2":1e400,"1":"\\ud800"}' });
        const finished = { ...runOf(run), outcome };
        const wrong = [
          { ...finished, epoch: 2 },
          { ...finished, attempt: 2 },
          { ...finished, execution_id: newId() },
        ];
        expect(await store.runs.finish(wrong)).toEqual(["refused", "unknown", "unknown"]);
        expect(await store.runs.finish([finished])).toEqual(["stored"]);
        const stored = await now(run);
        expect(stored).toMatchObject({ status: "succeeded", epoch: 1, mark: outcomeMark });
        expect([stored.workerId, stored.claimId]).toEqual([undefined, undefined]);
        const standing = await store.outbox.standing([{ ...run, mark: outcomeMark }]);
        expect(standing[0]?.outcome).toEqual(outcome);

        expect(await other.runs.finish([finished])).toEqual(["stored"]);
        const otherOutcome = { ...runOf(run), outcome: madeOutcome("failed") };
        expect(await other.runs.finish([otherOutcome])).toEqual(["refused"]);
        expect((await now(run)).status).toBe("succeeded");
      });

      test("a batch: each for itself, answers in its order", async () => {
        const [a, b] = [await running(), await running()];
        const waiting = await one();
        const outcome = madeOutcome("failed");
        const answers = await store.runs.finish([
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

      test("two that end the same run differently at once: one is stored", async () => {
        for (let round = 0; round < 5; round++) {
          const run = await running();
          const outcomes = Array.from({ length: 10 }, () => madeOutcome("failed"));
          const answers = await Promise.all(
            outcomes.map((outcome, index) =>
              (index % 2 ? store : other).runs.finish([{ ...runOf(run), outcome }]),
            ),
          );
          const stored = outcomes.filter((_, index) => answers[index]?.[0] === "stored");
          expect(stored).toHaveLength(1);
          expect((await now(run)).outcome).toEqual(stored[0]);
        }
      });

      test("of any epoch but the last nothing is taken, however often the run was lost", async () => {
        let run = await running();
        for (let epoch = 1; epoch <= 6; epoch++) {
          for (const other of [0, 1, 2, 3, 4, 5, 6, 7].filter((one) => one !== epoch)) {
            const stale = runOf(run, other);
            expect(await store.runs.finish([{ ...stale, outcome: madeOutcome() }])).toEqual(["refused"]);
            expect(await store.runs.requeue([stale], true)).toEqual([false]);
          }
          expect(await now(run)).toMatchObject({ status: "running", epoch, lost: epoch - 1 });
          if (epoch === 6) break;
          expect(await store.runs.requeue([runOf(run)], true)).toEqual([true]);
          // Of one that waits nothing is taken either: its last run has gone.
          const gone = { ...runOf(run), outcome: madeOutcome() };
          expect(await store.runs.finish([gone])).toEqual(["refused"]);
          run = (await store.runs.claim(claimFor(), [refOf(run)])).held[0] as Execution;
        }
      });

      test("a late worker and the one after it at the same instant: only the last run is stored", async () => {
        for (let round = 0; round < 20; round++) {
          const late = await running();
          await store.runs.requeue([runOf(late)], true);
          const { held } = await store.runs.claim(claimFor(), [refOf(late)]);
          const [failed, succeeded] = [madeOutcome("failed"), madeOutcome("succeeded")];
          const calls = [
            store.runs.finish([{ ...runOf(late), outcome: failed }]),
            other.runs.finish([{ ...runOf(held[0] as Execution), outcome: succeeded }]),
            store.runs.requeue([runOf(late)], true),
          ];
          expect(await Promise.all(calls)).toEqual([["refused"], ["stored"], [false]]);
          const ended = await now(late);
          expect(ended).toMatchObject({ status: "succeeded", epoch: 2, lost: 1 });
          expect(ended.outcome?.result_id).toBe(succeeded.result_id);
        }
      });

      test("outputs of the greatest size", async () => {
        const run = await running();
        const outputsJson = `"${"y".repeat(limits.outputsBytesMax - 2)}"`;
        await store.runs.finish([{ ...runOf(run), outcome: madeOutcome("succeeded", { outputsJson }) }]);
        const [standing] = await store.outbox.standing([{ ...run, mark: outcomeMark }]);
        expect(standing?.outcome).toMatchObject({ outputs_json: outputsJson });
      });
    });

    describe("requeue", () => {
      test("running → queued with a mark, a loss charged if it is one; a repetition charges nothing", async () => {
        const run = await running();
        expect(await store.runs.requeue([runOf(run, 2)], true)).toEqual([false]);
        expect(await store.runs.requeue([runOf(run)], true)).toEqual([true]);
        expect(await other.runs.requeue([runOf(run)], true)).toEqual([true]);
        const queuedAgain = await now(run);
        expect(queuedAgain).toMatchObject({ status: "queued", epoch: 1, lost: 1, mark: executionMark(1) });
        expect([queuedAgain.workerId, queuedAgain.claimId]).toEqual([undefined, undefined]);

        const { held } = await store.runs.claim(claimFor(), [refOf(run)]);
        expect(held[0]?.epoch).toBe(2);
        expect(await store.runs.requeue([runOf(run)], true)).toEqual([false]);
        expect(await store.runs.requeue([runOf(run, 2), runOf(madeExecution(), 1)], false)).toEqual([
          true,
          false,
        ]);
        expect(await now(run)).toMatchObject({ status: "queued", lost: 1, epoch: 2 });
      });

      test("two at once charge one loss", async () => {
        const run = await running();
        await Promise.all([store, other, store].map((one) => one.runs.requeue([runOf(run)], true)));
        expect((await now(run)).lost).toBe(1);
      });

      test("not when somebody asked to cancel it, and not when it has ended", async () => {
        const run = await running();
        await store.executions.cancel(refOf(run), madeOutcome("cancelled"));
        expect(await store.runs.requeue([runOf(run)], true)).toEqual([false]);
        expect(await now(run)).toMatchObject({ status: "running", lost: 0 });
        await store.runs.finish([{ ...runOf(run), outcome: madeOutcome() }]);
        expect(await store.runs.requeue([runOf(run)], false)).toEqual([false]);
        expect((await now(run)).status).toBe("succeeded");
      });
    });

    describe("what runs", () => {
      test("of one worker, of one claim, in pages, while rows leave", async () => {
        const workerId = newId();
        const executions = await queued(7);
        const claim = claimFor(workerId);
        await store.runs.claim(claim, executions.slice(0, 5).map(refOf));
        await store.runs.claim(claimFor(workerId), executions.slice(5).map(refOf));
        await running();
        const names = (list: Execution[]) => list.map(({ id }) => id);
        expect(names(await store.runs.running({ workerId, limit: 100 }))).toEqual(names(executions));
        expect(names(await store.runs.running({ ...claim, limit: 100 }))).toEqual(
          names(executions.slice(0, 5)),
        );

        const seen: string[] = [];
        for (let after: Execution | undefined; ; ) {
          const page = await store.runs.running({ workerId, after, limit: 2 });
          seen.push(...names(page));
          if (page.length < 2) break;
          after = page.at(-1);
          // Those that were seen leave: the next page must not jump over others because of that.
          await store.runs.requeue(
            page.map((run) => runOf(run)),
            false,
          );
        }
        expect(seen).toEqual(names(executions));
      });

      test("of everybody", async () => {
        const [a, b] = [await running(), await running()];
        const all = (await store.runs.running({ limit: 10_000 })).map(({ id }) => id);
        expect(all).toContain(a.id);
        expect(all).toContain(b.id);
        const after = (await store.runs.running({ after: a, limit: 10_000 })).map(({ id }) => id);
        expect(after).not.toContain(a.id);
      });
    });

    describe("workers", () => {
      test("register, beat, give up, forget", async () => {
        const workerId = newId();
        expect(await store.workers.beat(workerId)).toBe(false);
        await store.workers.register(workerId);
        expect(await store.workers.beat(workerId)).toBe(true);
        await other.workers.register(workerId);
        expect(await store.workers.get([workerId, newId()])).toEqual([
          { workerId, beats: 1, givenUp: false },
        ]);

        await store.workers.forget([workerId]);
        expect(await store.workers.beat(workerId)).toBe(true);
        expect(await store.workers.giveUp(workerId, 1)).toBe(false);
        expect(await store.workers.beat(workerId)).toBe(true);
        expect(await store.workers.giveUp(workerId, 3)).toBe(true);
        expect(await store.workers.giveUp(workerId, 1)).toBe(true);
        expect(await store.workers.beat(workerId)).toBe(false);
        await store.workers.register(workerId);
        expect(await other.workers.get([workerId])).toEqual([{ workerId, beats: 3, givenUp: true }]);

        await store.workers.forget([workerId, newId()]);
        expect(await store.workers.get([workerId])).toEqual([]);
        expect(await store.workers.giveUp(workerId, 3)).toBe(true);
        expect(await store.workers.giveUp(workerId)).toBe(true);
      });

      test("give up without a count", async () => {
        const workerId = newId();
        await store.workers.register(workerId);
        await store.workers.beat(workerId);
        expect(await store.workers.giveUp(workerId)).toBe(true);
        expect(await store.workers.beat(workerId)).toBe(false);
      });

      test("a beat and a giving up at the same instant: one of them happened", async () => {
        for (let round = 0; round < 20; round++) {
          const workerId = newId();
          await store.workers.register(workerId);
          // Each is the first to be sent in every other round.
          const early = round % 2 ? other.workers.beat(workerId) : null;
          const givingUp = store.workers.giveUp(workerId, 0);
          const isAlive = await (early ?? other.workers.beat(workerId));
          const isGone = await givingUp;
          expect(isGone).toBe(!isAlive);
          expect(await store.workers.get([workerId])).toEqual([
            { workerId, beats: isAlive ? 1 : 0, givenUp: isGone },
          ]);
        }
      });

      test("are listed by id, in pages", async () => {
        const ids = Array.from({ length: 5 }, newId).toSorted();
        for (const id of ids) await store.workers.register(id);
        const seen: string[] = [];
        for (let after: string | undefined; ; ) {
          const page = await store.workers.list({ after, limit: 2 });
          seen.push(...page.map(({ workerId }) => workerId));
          if (page.length < 2) break;
          after = page.at(-1)?.workerId;
        }
        expect(seen.filter((id) => ids.includes(id))).toEqual(ids);
        expect(seen).toEqual(seen.toSorted());
      });
    });

    describe("outbox", () => {
      test("marks are found in pages, outcomes first, then by key", async () => {
        const executions = await queued(7);
        const done = executions.slice(2, 4);
        const { held } = await store.runs.claim(claimFor(), done.map(refOf));
        await store.runs.finish(held.map((run) => ({ ...runOf(run), outcome: madeOutcome() })));
        const expected = [...done.map(() => outcomeMark), ...Array(5).fill(executionMark(0))];
        expect(await marksOf(executions)).toEqual(expected);
        expect(await marksOf(executions, 2)).toEqual(expected);
        const ids = new Set(executions.map(({ requestId }) => requestId));
        const page = (await store.outbox.marked({ limit: 10_000 })).filter((one) => ids.has(one.requestId));
        const key = ({ requestId, attempt }: Execution) => ({ requestId, attempt });
        const waiting = [...executions.slice(0, 2), ...executions.slice(4)];
        expect(page.map(({ requestId, attempt }) => ({ requestId, attempt }))).toEqual(
          [...done, ...waiting].map(key),
        );
      });

      test("pages that are read while marks are cleared and set miss none that stands, and repeat none", async () => {
        const executions = await queued(9);
        const own = new Set(executions.map(({ requestId }) => requestId));
        const seen: string[] = [];
        let after: Parameters<Store["outbox"]["marked"]>[0]["after"];
        for (;;) {
          const page = await other.outbox.marked({ after, limit: 2 });
          seen.push(...page.flatMap(({ requestId }) => (own.has(requestId) ? [requestId] : [])));
          if (page.length < 2) break;
          after = page.at(-1);
          // What was seen is published and gone, and others come, before and behind.
          await store.outbox.clear(page.filter(({ requestId }) => own.has(requestId)));
          if (seen.length < 6) await queued(1);
        }
        expect(seen).toEqual(executions.map(({ requestId }) => requestId));
      });

      test("exactly these marks are cleared: a newer one on the same execution stays", async () => {
        const [a, b] = await queued(2);
        if (!a || !b) throw new Error("two were asked for");
        const { held } = await store.runs.claim(claimFor(), [refOf(a)]);
        await store.runs.requeue(
          held.map((run) => runOf(run)),
          false,
        );
        const { requestId, attempt } = b;
        await store.outbox.clear([
          { requestId: a.requestId, attempt: 1, mark: executionMark(0) },
          { requestId: a.requestId, attempt: 1, mark: outcomeMark },
          { requestId, attempt, mark: executionMark(0) },
        ]);
        expect((await now(a)).mark).toBe(executionMark(1));
        expect((await now(b)).mark).toBeUndefined();
        expect(await marksOf([a, b])).toEqual([executionMark(1)]);
      });

      test("only marks that still stand are given for publishing", async () => {
        const [a, b] = await queued(2);
        if (!a || !b) throw new Error("two were asked for");
        await store.runs.claim(claimFor(), [refOf(a)]);
        const seen = [a, b].map(({ requestId, attempt }) => ({ requestId, attempt, mark: executionMark(0) }));
        const standing = await store.outbox.standing([...seen, { ...seen[0], mark: outcomeMark } as never]);
        expect(standing).toEqual([expect.objectContaining(b)]);
      });
    });

    describe("confirmations", () => {
      /** Executions that have ended and whose outcomes are published. */
      async function published(count: number): Promise<Execution[]> {
        const { held } = await store.runs.claim(claimFor(), (await queued(count)).map(refOf));
        await store.runs.finish(held.map((run) => ({ ...runOf(run), outcome: madeOutcome() })));
        await store.outbox.clear(held.map((run) => ({ ...run, mark: outcomeMark })));
        return held.toSorted((a, b) => (a.requestId < b.requestId ? -1 : 1));
      }
      const keyOf = ({ requestId, attempt }: Execution) => ({ requestId, attempt });
      /** Those of these that are unconfirmed, walking pages of `limit`. */
      async function unconfirmedOf(executions: Execution[], limit = 1_000) {
        const own = new Set(executions.map(({ requestId }) => requestId));
        const found = [];
        for (let after: ReturnType<typeof keyOf> | undefined; ; ) {
          const page = await other.confirmations.unconfirmed({ after, limit });
          found.push(...page.filter(({ requestId }) => own.has(requestId)));
          if (page.length < limit) return found;
          after = page.at(-1);
        }
      }

      test("an outcome is unconfirmed when it is published, no sooner; and nothing to be published", async () => {
        const [waiting, run] = [await one(), await running()];
        expect(await unconfirmedOf([waiting, run])).toEqual([]);
        await store.outbox.clear([{ ...waiting, mark: executionMark(0) }]);
        await store.runs.finish([{ ...runOf(run), outcome: madeOutcome() }]);
        expect(await unconfirmedOf([waiting, run])).toEqual([]);
        await store.outbox.clear([{ ...run, mark: outcomeMark }]);
        await store.outbox.clear([{ ...run, mark: outcomeMark }]);
        expect(await unconfirmedOf([waiting, run])).toEqual([keyOf(run)]);
        expect(await marksOf([waiting, run])).toEqual([]);
        expect(await store.outbox.standing([{ ...run, mark: outcomeMark }])).toEqual([]);
      });

      test("one that was cancelled before it ran is unconfirmed too", async () => {
        const execution = await one();
        await store.executions.cancel(refOf(execution), madeOutcome("cancelled"));
        await store.outbox.clear([{ ...execution, mark: outcomeMark }]);
        expect(await unconfirmedOf([execution])).toEqual([keyOf(execution)]);
      });

      test("those that are confirmed are not found any more, the others in pages, by key", async () => {
        const executions = await published(7);
        expect(await unconfirmedOf(executions)).toEqual(executions.map(keyOf));
        expect(await unconfirmedOf(executions, 2)).toEqual(executions.map(keyOf));
        await store.confirmations.confirm(executions.slice(0, 3).map(keyOf));
        await other.confirmations.confirm(executions.slice(2, 4).map(keyOf));
        expect(await unconfirmedOf(executions, 2)).toEqual(executions.slice(4).map(keyOf));
        for (const execution of executions) expect((await now(execution)).status).toBe("succeeded");
      });

      test("to be published again, with outputs; and again unconfirmed after that", async () => {
        const [execution] = (await published(1)) as [Execution];
        await store.confirmations.publishAgain([keyOf(execution)]);
        await other.confirmations.publishAgain([keyOf(execution)]);
        expect(await unconfirmedOf([execution])).toEqual([]);
        expect(await marksOf([execution])).toEqual([outcomeMark]);
        const [standing] = await store.outbox.standing([{ ...execution, mark: outcomeMark }]);
        expect(standing?.outcome).toMatchObject({ status: "succeeded", outputs_json: '{"a":1}' });
        await store.outbox.clear([{ ...execution, mark: outcomeMark }]);
        expect(await unconfirmedOf([execution])).toEqual([keyOf(execution)]);
      });

      test("nothing happens to those that are not unconfirmed, whatever they are", async () => {
        const [done] = (await published(1)) as [Execution];
        await store.confirmations.confirm([keyOf(done)]);
        const marked = await running();
        await store.runs.finish([{ ...runOf(marked), outcome: madeOutcome() }]);
        const all = [done, marked, await one(), await running()];
        const before = await store.executions.get(all);
        const keys = [...all, madeExecution()].map(keyOf);
        await store.confirmations.publishAgain(keys);
        await store.confirmations.confirm(keys);
        expect(await store.executions.get(all)).toEqual(before);
      });

      test("confirmed by one and thought missing by another at the same instant: it is one of both, and never lost", async () => {
        const executions = await published(20);
        await Promise.all(
          executions.map((execution, index) => {
            const calls = [store.confirmations.confirm, other.confirmations.publishAgain];
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

    refusalsConformance(() => ({ store, other }));

    test("empty batches are nothing, and ask nobody", async () => {
      const before = database.operations();
      expect(await store.requests.insert([])).toEqual([]);
      expect((await store.requests.get([])).size).toBe(0);
      expect((await store.requests.getWithin([], 1)).found.size).toBe(0);
      expect(await store.executions.insert([])).toEqual([]);
      expect((await store.executions.ofRequests([])).size).toBe(0);
      expect(await store.executions.get([])).toEqual([]);
      expect(await store.runs.claim(claimFor(), [])).toEqual({ held: [], refused: 0 });
      expect(await store.runs.finish([])).toEqual([]);
      expect(await store.runs.requeue([], true)).toEqual([]);
      expect(await store.workers.get([])).toEqual([]);
      await store.workers.forget([]);
      expect(await store.outbox.standing([])).toEqual([]);
      await store.outbox.clear([]);
      await store.refusals.insert([]);
      await store.refusals.remove([]);
      await store.confirmations.confirm([]);
      await store.confirmations.publishAgain([]);
      expect(database.operations()).toBe(before);
    });

    test("an open may be repeated, and a ping is answered", async () => {
      await store.open();
      await store.ping();
    });

    test("after close every call rejects; close is safe twice, and before open", async () => {
      const closed = await database.make(store);
      await closed.open();
      await closed.close();
      await closed.close();
      const calls = [
        () => closed.requests.insert([madeRequest()]),
        () => closed.requests.get([newId()]),
        () => closed.requests.getWithin([newId()], 1),
        () => closed.executions.insert([madeExecution()]),
        () => closed.runs.queued(1),
        () => closed.workers.beat(newId()),
        () => closed.outbox.marked({ limit: 1 }),
        () => closed.refusals.insert([madeRefusal()]),
        () => closed.refusals.list({ limit: 1 }),
        () => closed.confirmations.unconfirmed({ limit: 1 }),
        () => closed.open(),
        () => closed.ping(),
      ];
      for (const call of calls) {
        const error = await call().then(
          () => "it was answered",
          (reason: unknown) => reason,
        );
        expect(error).toBeInstanceOf(Unavailable);
      }
      const unopened = await database.make(store);
      await unopened.close();
    });
  });
}
