import { describe, expect, test } from "bun:test";
import { Unavailable } from "@sate/contracts";
import { madeExecution, madeRefusal, madeRequest, newId } from "../../builders.ts";
import type { Given } from "./given.ts";

export function lifecycleConformance(given: Given): void {
  describe("every port", () => {
    test("an empty batch makes no call", async () => {
      const { database, store } = given;
      const before = database.operations();
      expect(await store.requests.insert([])).toEqual([]);
      expect((await store.requests.get([])).size).toBe(0);
      expect((await store.requests.getWithin([], 1)).found.size).toBe(0);
      expect((await store.requests.newest([], 1)).found.size).toBe(0);
      await store.requests.clearStarts([]);
      expect(await store.keys.insert([])).toEqual([]);
      expect((await store.keys.get([])).size).toBe(0);
      expect(await store.executions.insert([])).toEqual([]);
      expect((await store.executions.ofRequests([])).size).toBe(0);
      expect(await store.executions.get([])).toEqual([]);
      await store.executions.requestCancel([]);
      expect(await store.runs.claim(given.claimFor(), [])).toEqual({ held: [], refused: 0 });
      expect(await store.runs.finish([])).toEqual([]);
      expect(await store.runs.requeue([], true)).toEqual([]);
      expect(await store.runs.retryLater([])).toEqual([]);
      expect(await store.runs.queued([])).toEqual([]);
      expect(await store.waiting.wake([])).toEqual([]);
      expect(await store.waiting.end([])).toEqual([]);
      expect(await store.workers.get([])).toEqual([]);
      await store.workers.forget([]);
      await store.workers.progress([], newId());
      await store.processors.announce([]);
      expect(await store.processors.get([])).toEqual([]);
      await store.processors.restore([]);
      await store.processors.forget([]);
      expect(await store.logs.totalsBefore([])).toEqual([]);
      await store.logs.append([]);
      expect(await store.outbox.stillMarked([])).toEqual([]);
      await store.outbox.clear([]);
      await store.refusals.insert([]);
      await store.refusals.remove([]);
      await store.confirmations.confirm([]);
      await store.confirmations.publishAgain([]);
      expect(database.operations()).toBe(before);
    });

    test("open may be repeated, and ping resolves", async () => {
      await given.store.open();
      await given.store.ping();
    });

    test("after close every call rejects; close is safe twice, and before open", async () => {
      const closed = await given.database.make(given.store);
      await closed.open();
      await closed.close();
      await closed.close();
      const calls = [
        () => closed.requests.insert([madeRequest()]),
        () => closed.requests.get([newId()]),
        () => closed.requests.getWithin([newId()], 1),
        () => closed.finding.executions({}, { from: "", below: "~", limit: 1 }),
        () => closed.executions.insert([madeExecution()]),
        () => closed.runs.queued([{ limit: 1 }]),
        () => closed.waiting.due({ until: 1, limit: 1 }),
        () => closed.workers.beat(newId()),
        () => closed.processors.list(),
        () => closed.logs.removeBefore(0, 1),
        () => closed.webhooks.list(),
        () => closed.webhooks.remove(newId()),
        () => closed.requests.starting({ limit: 1 }),
        () => closed.keys.removeBefore(0, 1),
        () => closed.outbox.marked({ limit: 1 }),
        () => closed.refusals.insert([madeRefusal()]),
        () => closed.refusals.list({ limit: 1 }),
        () => closed.confirmations.unconfirmed({ limit: 1 }),
        () => closed.open(),
        () => closed.ping(),
      ];
      for (const call of calls) await expect(call()).rejects.toBeInstanceOf(Unavailable);
      const unopened = await given.database.make(given.store);
      await unopened.close();
    });
  });
}
