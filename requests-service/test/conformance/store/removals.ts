import { describe, expect, test } from "bun:test";
import { derivedId, type ExecutionKey, idFloor, labelTexts, outcomeMark } from "@sate/contracts";
import { type Execution, removalMarks, unconfirmedMark } from "../../../src/executions/execution.ts";
import { pagesOf } from "../../../src/pages.ts";
import {
  cancelOf,
  madeExecution,
  madeOutcome,
  madeRefusal,
  madeRequest,
  newId,
  runOf,
} from "../../builders.ts";
import type { Given } from "./given.ts";

export function removalsConformance(given: Given): void {
  /** An execution that ended like this, whose result is confirmed. */
  async function ended(status: "succeeded" | "failed" = "succeeded"): Promise<Execution> {
    const run = await given.running();
    await given.store.runs.finish([{ ...runOf(run), outcome: { ...madeOutcome(status), tries: 1 } }]);
    await given.store.outbox.clear([{ ...run, mark: outcomeMark }]);
    await given.store.confirmations.confirm([run]);
    return given.now(run);
  }
  const emptied = ({ request_id, attempt }: Execution, tries = 1) => ({ request_id, attempt, tries });

  describe("removals", () => {
    test("a removed request is a stub: without payload, labels and start mark, and its id stays taken", async () => {
      const start = { execution_id: newId(), max_failures: 1 };
      const request = madeRequest({ labels: { a: "b" }, processor: "word-count", start });
      const other = madeRequest();
      await given.store.requests.insert([request, other]);
      expect(await given.store.requests.removedOf([request.id, other.id, newId()])).toEqual(new Set());
      const before = given.store.now();
      await given.store.requests.remove([request.id, newId()]);
      await given.other.requests.remove([request.id]);
      const { id, creation_date } = request;
      const stub = {
        id,
        creation_date,
        processor: "word-count",
        payload_json: "",
        removed_at: expect.any(Number),
      };
      for (const read of [given.other.requests.get, given.other.requests.current]) {
        expect((await read([id])).get(id)).toEqual(stub);
        expect((await read([other.id])).get(other.id)).toEqual(other);
      }
      expect(await given.other.requests.removedOf([id, other.id])).toEqual(new Set([id]));
      const [stored] = await given.other.requests.insert([request]);
      expect(stored).toEqual(stub);
      expect(stored?.removed_at).toBeGreaterThanOrEqual(before);
      const starting = await given.store.requests.starting({ limit: 1_000 });
      expect(starting.map(({ request_id }) => request_id)).not.toContain(id);
    });

    test("an emptied execution keeps what the next attempt depends on, and nothing of its content", async () => {
      const execution = await ended("failed");
      const { id, request_id, attempt, epoch } = execution;
      await given.store.removals.empty([emptied(execution, 3)]);
      const stub = await given.now(execution);
      expect(stub).toMatchObject({ id, request_id, attempt, epoch, status: "failed", tries: 3 });
      expect(stub.removed_at).toEqual(expect.any(Number));
      expect([stub.outcome, stub.last_error, stub.progress, stub.deadline_at, stub.traceparent]).toEqual(
        Array(5).fill(undefined),
      );
      expect(JSON.stringify(stub)).not.toContain("It went wrong.");
      await given.other.removals.empty([emptied(execution, 9)]);
      expect(await given.now(execution)).toEqual(stub);

      await given.store.removals.empty([emptied(execution)], "removed");
      expect(await given.now(execution)).toEqual({ ...stub, status: "removed" });
    });

    test("nothing is found by the labels of what was removed", async () => {
      const labels = { removed: newId(), "b.c": "é = 1" };
      const request = madeRequest({ labels });
      await given.store.requests.insert([request, madeRequest({ labels })]);
      const execution = madeExecution({ status: "failed", mark: undefined, labels, request_id: request.id });
      await given.store.executions.insert([execution, madeExecution({ labels })]);
      const found = async () => {
        const slice = { from: "", below: "~", limit: 10 };
        const counts = labelTexts(labels).flatMap((label) => [
          given.other.finding.requests({ label }, slice),
          given.other.finding.executions({ label }, slice),
        ]);
        return (await Promise.all(counts)).map(({ length }) => length);
      };
      expect(await found()).toEqual([2, 2, 2, 2]);
      await given.store.requests.remove([request.id]);
      await given.store.removals.empty([emptied(execution)], "removed");
      expect(await found()).toEqual([1, 1, 1, 1]);
    });

    test("nothing that is active or unconfirmed is emptied", async () => {
      const queued = await given.one();
      const running = await given.running();
      const [published, unconfirmed] = [await given.running(), await given.running()];
      for (const run of [published, unconfirmed]) {
        await given.store.runs.finish([{ ...runOf(run), outcome: madeOutcome() }]);
      }
      await given.store.outbox.clear([{ ...unconfirmed, mark: outcomeMark }]);
      const all = [queued, running, published, unconfirmed];
      const before = await Promise.all(all.map(given.now));
      expect(before.map(({ mark }) => mark).slice(2)).toEqual([outcomeMark, unconfirmedMark]);
      for (const status of [undefined, "removed"] as const) {
        await given.store.removals.empty(
          all.map((one) => emptied(one)),
          status,
        );
        expect(await Promise.all(all.map(given.now))).toEqual(before);
      }
    });

    test("no late write changes a stub", async () => {
      const execution = await ended();
      await given.store.removals.empty([emptied(execution)], "removed");
      const stub = await given.now(execution);
      const run = runOf(execution);
      const { runs, waiting, executions, outbox, confirmations, workers } = given.other;
      expect(await runs.finish([{ ...run, outcome: madeOutcome() }])).toEqual(["refused"]);
      expect(await waiting.end([{ ...run, outcome: madeOutcome() }])).toEqual(["refused"]);
      expect(await runs.requeue([{ ...run, deadline_at: 1 }], true)).toEqual([false]);
      const retry = { ...run, start_after: 1, wake_at: 1, last_error: { code: "a", message: "b" } };
      expect(await runs.retryLater([retry])).toEqual([false]);
      expect((await runs.claim(given.claimFor(), [run])).held).toEqual([]);
      await executions.cancel(cancelOf(execution), madeOutcome("cancelled"));
      await outbox.clear([{ ...execution, mark: outcomeMark }]);
      await confirmations.publishAgain([execution]);
      await workers.progress([{ ...run, progress: { fraction: 0.5 } }], execution.worker_id ?? newId());
      expect(await executions.insert([madeExecution({ request_id: execution.request_id })])).toEqual([false]);
      expect(await given.now(execution)).toEqual(stub);
    });

    test("of an execution and 49 removals that want one attempt one wins, and it is found by its mark", async () => {
      const request_id = newId();
      const marker = { request_id, status: "removed", mark: removalMarks.begun, removed_at: 1 } as const;
      const contenders = Array.from({ length: 50 }, (_, index) =>
        madeExecution(index === 25 ? { request_id } : marker),
      );
      const wins = await Promise.all(
        contenders.map((one, index) => given.either(index).executions.insert([one])),
      );
      expect(wins.flat().filter(Boolean)).toHaveLength(1);
      const { status, mark } = await given.now(contenders[0] as Execution);
      const marks = await marksOf([request_id]);
      expect(marks).toEqual(status === "removed" ? [removalMarks.begun] : []);
      expect(mark === removalMarks.begun).toBe(status === "removed");
    });

    async function marksOf(requestIds: string[], limit = 1_000): Promise<string[]> {
      const pages = await Array.fromAsync(pagesOf(given.other.removals.marked, limit));
      return pages.flat().flatMap(({ request_id, mark }) => (requestIds.includes(request_id) ? mark : []));
    }

    test("marks are replaced and cleared exactly, and are neither published nor confirmed", async () => {
      const markers = [1, 2, 3].map((attempt) =>
        madeExecution({ attempt, status: "removed", mark: removalMarks.begun, removed_at: 1 }),
      );
      const ids = markers.map(({ request_id }) => request_id);
      await given.store.executions.insert(markers);
      expect(await marksOf(ids, 1)).toEqual(Array(3).fill(removalMarks.begun));
      expect(await given.marksOf(markers)).toEqual([]);
      const unconfirmed = await given.store.confirmations.unconfirmed({ limit: 1_000 });
      expect(unconfirmed.filter(({ request_id }) => ids.includes(request_id))).toEqual([]);

      const marked = markers.map((one) => ({ ...one, mark: removalMarks.begun }));
      await given.store.removals.setMark(marked.slice(0, 2), removalMarks.done);
      await given.other.removals.setMark(marked.slice(0, 1));
      expect((await marksOf(ids)).toSorted()).toEqual([
        removalMarks.begun,
        removalMarks.done,
        removalMarks.done,
      ]);
      await given.store.removals.setMark(marked.map((one) => ({ ...one, mark: removalMarks.done })));
      await given.store.removals.setMark([]);
      expect(await marksOf(ids)).toEqual([removalMarks.begun]);
    });

    test("logs of executions and refused attempts of requests are deleted, and no others", async () => {
      const [mine, other] = [madeExecution(), madeExecution()];
      const chunk = (one: ExecutionKey & { id: string }, sequence: number) => {
        const { request_id, attempt, id: execution_id } = one;
        return { request_id, attempt, execution_id, epoch: 1, sequence, text: "x", total: 1 };
      };
      await given.store.logs.append(
        [0, 1, 2].flatMap((sequence) => [chunk(mine, sequence), chunk(other, sequence)]),
      );
      const countOf = async ({ request_id, attempt }: ExecutionKey) =>
        (await given.other.logs.read({ request_id, attempt, limit: 10, bytesMax: 100 })).chunks.length;
      expect(await given.store.removals.removeLogs([mine, madeExecution()], 2)).toBe(2);
      expect(await given.other.removals.removeLogs([mine], 2)).toBe(1);
      expect(await given.other.removals.removeLogs([mine], 2)).toBe(0);
      expect(await given.other.removals.removeLogs([], 2)).toBe(0);
      expect([await countOf(mine), await countOf(other)]).toEqual([0, 3]);

      const refusals = [mine, mine, other].map(({ request_id }) => madeRefusal({ request_id }));
      await given.store.refusals.insert(refusals);
      await given.other.removals.removeRefusals([mine.request_id, newId()]);
      await given.other.removals.removeRefusals([]);
      const left = (await given.store.refusals.list({ limit: 1_000 })).map(({ id }) => id);
      expect(refusals.map(({ id }) => left.includes(id))).toEqual([false, false, true]);
    });

    test("what is no stub is found by its age, page by page, and stubs are not", async () => {
      const first = 1_000_000;
      const idAt = (time: number) => derivedId(time, Bun.randomUUIDv7());
      const requests = [0, 1, 2, 3, 4].map((day) => madeRequest({ id: idAt(first + day) }));
      const ids = requests.map(({ id }) => id);
      const executions = ids.flatMap((request_id) =>
        [1, 2].map((attempt) => madeExecution({ request_id, attempt })),
      );
      await given.store.requests.insert(requests);
      await given.store.executions.insert(executions);
      for (let round = 0; round < 2; round++) await given.store.removals.prepare();
      await given.store.requests.remove([ids[1] as string]);

      const until = idFloor(first + 3);
      const oldRequests = async (limit: number) => {
        const read = ({ after }: { after?: { id: string } | undefined }) =>
          given.other.removals.oldRequests({ after: after?.id, limit, until });
        return (await Array.fromAsync(pagesOf(read, limit))).flat().map(({ id }) => ids.indexOf(id));
      };
      for (const limit of [1, 2, 100]) expect(await oldRequests(limit)).toEqual([0, 2]);
      const oldExecutions = async (limit: number) => {
        const read = ({ after }: { after?: ExecutionKey | undefined }) =>
          given.other.removals.oldExecutions({ after, limit, until });
        const found = (await Array.fromAsync(pagesOf(read, limit))).flat();
        return found.map(({ request_id, attempt }) => `${ids.indexOf(request_id)}.${attempt}`);
      };
      for (const limit of [1, 2, 100]) {
        expect(await oldExecutions(limit)).toEqual(["0.1", "0.2", "1.1", "1.2", "2.1", "2.2"]);
      }
    });

    test("an execution gets the instant of its end by the clock of the store, however it ends", async () => {
      const before = given.store.now();
      const finished = await ended();
      const [cancelled, expired] = [await given.one(), await given.one()];
      await given.store.executions.cancel(cancelOf(cancelled), madeOutcome("cancelled"));
      await given.store.waiting.end([{ ...runOf(expired, 0), outcome: madeOutcome("failed") }]);
      for (const one of [finished, cancelled, expired]) {
        const { ended_at = 0 } = await given.now(one);
        expect(ended_at).toBeGreaterThanOrEqual(before);
        expect(ended_at).toBeLessThanOrEqual(given.store.now() + 1);
      }
    });
  });
}
