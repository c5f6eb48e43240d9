import { type ExecutionKey, outcomeMark, type RequestRecord } from "@sate/contracts";
import { type Counters, mongoCalls, mongoOptions } from "@sate/contracts/runtime";
import { MongoClient } from "mongodb";
import { type Execution, unconfirmedMark } from "../../executions/execution.ts";
import type { Marked, Refusal, RefusalKey, Starting, Store } from "../../ports.ts";
import { openWithin } from "../../requests/take-within-bytes.ts";
import { insertFree, insertOrFind, type MongoAccess, mongoAccess, page } from "./access.ts";
import { assertNotBeingMoved } from "./being-moved.ts";
import { mongoClock } from "./clock.ts";
import {
  type ExecutionDocument,
  executionDocument,
  executionOf,
  idOf,
  keyOf,
  outcomeFields,
  refusalDocument,
  refusalId,
  refusalOf,
  requestDocument,
  requestOf,
  withoutOutputs,
} from "./documents.ts";
import { fillProcessors } from "./fill.ts";
import { createFindingIndexes, mongoFinding } from "./finding.ts";
import { mongoKeys } from "./keys.ts";
import { mongoLogs } from "./logs.ts";
import { mongoProcessors } from "./processors.ts";
import { mongoRemovals } from "./removals.ts";
import { mongoRuns } from "./runs.ts";
import { mongoSchedules } from "./schedules.ts";
import { mongoWaiting } from "./waiting.ts";
import { mongoWebhooks } from "./webhooks.ts";
import { mongoWorkers } from "./workers.ts";

type MongoStoreOptions = {
  url: string;
  counters: Counters;
  deadlineMs?: number;
  /** Whether `open` also accepts a database that a move has not filled to its end. */
  isForMove?: boolean;
};

/**
 * A `Store` on MongoDB, or anything that speaks its protocol: single-document conditional updates, unique
 * keys, and nothing else.
 */
export function mongoStore(options: MongoStoreOptions): Store {
  const { url, counters, deadlineMs = 5_000, isForMove = false } = options;
  const client = new MongoClient(url, {
    ...mongoOptions(deadlineMs),
    maxPoolSize: 32,
    readPreference: "primary",
  });
  const database = "the Requests DB";
  const { guarded, close } = mongoCalls(client, { database, deadlineMs, counters });
  const access = mongoAccess(client.db(), guarded);
  const clock = mongoClock(client);

  return {
    requests: mongoRequests(access, clock.now),
    executions: mongoExecutions(access, clock.now),
    finding: mongoFinding(access),
    runs: mongoRuns(access, clock),
    waiting: mongoWaiting(access, clock.now),
    refusals: mongoRefusals(access),
    workers: mongoWorkers(access, clock.now),
    processors: mongoProcessors(access, clock.now),
    logs: mongoLogs(access, clock.now),
    keys: mongoKeys(access, clock.now),
    webhooks: mongoWebhooks(access, clock.now),
    schedules: mongoSchedules(access),
    removals: mongoRemovals(access, clock.now),
    outbox: mongoOutbox(access),
    confirmations: mongoConfirmations(access),
    open: guarded(async () => {
      await client.connect();
      await clock.read();
      if (!isForMove) await assertNotBeingMoved(client.db());
      await access.executions.createIndex({ status: 1, worker_id: 1, _id: 1 });
      await access.executions.createIndex({ status: 1, processor: 1, start_after: 1, _id: 1 });
      await createFindingIndexes(access);
      await access.executions.createIndex({ mark: -1, _id: 1 });
      await access.executions.createIndex({ wake_at: 1 });
      await access.logs.createIndex({ key: 1, epoch: 1, sequence: 1 });
      await access.logs.createIndex({ written_at: 1 });
      await access.requests.createIndex({ "start.execution_id": 1, _id: 1 });
      await access.keys.createIndex({ at: 1 });
      await access.schedules.createIndex({ next_at: 1 });
      await access.schedules.createIndex({ owner: 1, _id: 1 });
      await fillProcessors(access);
    }),
    ping: guarded(clock.read),
    now: clock.now,
    close,
  };
}

function mongoRequests(
  { requests, guarded, each, changeEach }: MongoAccess,
  now: () => number,
): Store["requests"] {
  const get = guarded(async (ids: string[]) => {
    if (ids.length === 0) return new Map<string, RequestRecord>();
    const found = await requests.find({ _id: { $in: ids } }).toArray();
    return new Map(found.map((document) => [document._id, requestOf(document)]));
  });
  const within = (order: 1 | -1) =>
    guarded(async (ids: string[], bytesMax: number) => {
      const { within, take } = openWithin(bytesMax);
      if (ids.length === 0) return within;
      // The server sends at most 16 MiB at a time, and the end of the loop closes the cursor.
      const cursor = requests.find({ _id: { $in: ids } }).sort({ _id: order });
      for await (const document of cursor) if (!take(requestOf(document))) break;
      return within;
    });
  return {
    insert: each(async (wanted) => {
      return (await insertOrFind(requests, wanted.map(requestDocument))).map(requestOf);
    }),
    get,
    current: get,
    removedOf: guarded(async (ids) => {
      if (ids.length === 0) return new Set();
      const found = await requests.find({ _id: { $in: ids } }, { projection: { removed_at: 1 } }).toArray();
      return new Set(found.flatMap(({ _id, removed_at }) => (removed_at === undefined ? [] : _id)));
    }),
    remove: changeEach(async (ids: string[]) => {
      await requests.updateMany(
        { _id: { $in: ids }, removed_at: null as never },
        { $set: { payload: "", removed_at: now() }, $unset: { labels: "", start: "" } },
      );
    }),
    getWithin: within(1),
    newest: within(-1),
    starting: guarded(async ({ after, limit }) => {
      // Not `$exists`: requests without a mark are in the index too, before all texts. Read from the index alone.
      const found = await requests
        .find(
          { "start.execution_id": { $gt: after?.execution_id ?? "" } },
          { projection: { "start.execution_id": 1 }, batchSize: limit + 1 },
        )
        .sort({ "start.execution_id": 1 })
        .limit(limit)
        .toArray();
      return found.map(({ _id, start }) => ({ request_id: _id, execution_id: start?.execution_id ?? "" }));
    }),
    clearStarts: changeEach(async (starting: Starting[]) => {
      const ids = starting.map(({ request_id }) => request_id);
      // Execution ids are unique, so the two lists together match exactly the pairs.
      const executionIds = starting.map(({ execution_id }) => execution_id);
      await requests.updateMany(
        { _id: { $in: ids }, "start.execution_id": { $in: executionIds } },
        { $unset: { start: "" } },
      );
    }),
  };
}

/** Attempts of a request are dense, so they are found by their keys: this many at first, then more. */
const attemptsAtFirst = 4;
const attemptsAtMost = 128;

function mongoExecutions(
  { executions, guarded, each, changeEach }: MongoAccess,
  now: () => number,
): Store["executions"] {
  const byKeys = (keys: string[]): Promise<ExecutionDocument[]> =>
    // In one batch, so that it costs one command.
    executions
      .find({ _id: { $in: keys } }, { projection: withoutOutputs, batchSize: keys.length + 1 })
      .toArray();

  return {
    ofRequests: guarded(async (requestIds) => {
      const found = new Map<string, Execution[]>(requestIds.map((id) => [id, []]));
      let open = requestIds;
      let from = 1;
      let count = attemptsAtFirst;
      while (open.length > 0) {
        const keys = open.flatMap((id) => keysOf(id, from, count));
        for (const document of await byKeys(keys)) {
          found.get(document.request_id)?.push(executionOf(document));
        }
        from += count;
        open = open.filter((id) => found.get(id)?.length === from - 1);
        count = Math.min(count * 2, attemptsAtMost);
      }
      for (const list of found.values()) list.sort((a, b) => a.attempt - b.attempt);
      return found;
    }),
    insert: each(async (wanted) => {
      const taken = await insertFree(executions, wanted.map(executionDocument));
      return wanted.map((_, index) => !taken.has(index));
    }),
    get: each(async (keys) => (await byKeys(keys.map(idOf))).map(executionOf)),
    list: guarded(async ({ request_id, after_attempt, limit }) => {
      const keys = keysOf(request_id, after_attempt + 1, limit);
      const found = (await byKeys(keys)).map(executionOf);
      return found.sort((a, b) => a.attempt - b.attempt);
    }),
    cancel: guarded(async ({ request_id, attempt, execution_id, tries }, outcome) => {
      const _id = idOf({ request_id, attempt });
      const { matchedCount } = await executions.updateOne(
        { _id, id: execution_id, status: "queued", tries },
        {
          $set: { ...outcomeFields(outcome), mark: outcomeMark, ended_at: now() },
          $unset: { start_after: "", wake_at: "" },
        },
      );
      if (matchedCount > 0) return;
      await executions.updateOne(
        { _id, id: execution_id, status: "running" },
        { $set: { cancel_requested: true } },
      );
    }),
    requestCancel: changeEach((refs) => {
      // Ids of executions are unique, so the two lists together match exactly the pairs.
      const [keys, ids] = [refs.map(idOf), refs.map(({ execution_id }) => execution_id)];
      const filter = { _id: { $in: keys }, id: { $in: ids }, status: "running" as const };
      return executions.updateMany(filter, { $set: { cancel_requested: true } });
    }),
  };
}

function keysOf(request_id: string, from: number, count: number): string[] {
  return Array.from({ length: count }, (_, index) => idOf({ request_id, attempt: from + index }));
}

function mongoRefusals({ refusals, guarded, changeEach }: MongoAccess): Store["refusals"] {
  return {
    insert: changeEach((wanted: Refusal[]) => insertOrFind(refusals, wanted.map(refusalDocument))),
    list: guarded(async ({ after, limit }) => {
      const found = await page(refusals, {}, { after: after && refusalId(after), limit });
      return found.map(refusalOf);
    }),
    remove: changeEach((keys: RefusalKey[]) => refusals.deleteMany({ _id: { $in: keys.map(refusalId) } })),
  };
}

/** Something must be published. Not `$exists`: documents without a mark are in the index too, before all texts. */
const isMark = { $gt: unconfirmedMark };

/** Replaces exactly this mark; a newer one on the same execution stays. */
function replaceMark({ executions }: MongoAccess, keys: ExecutionKey[], mark: string, next: string | null) {
  const update = next === null ? { $unset: { mark: "" as const } } : { $set: { mark: next } };
  return executions.updateMany({ _id: { $in: keys.map(idOf) }, mark }, update);
}

function mongoOutbox(access: MongoAccess): Store["outbox"] {
  const { executions, guarded, each, changeEach } = access;
  return {
    marked: guarded(async ({ after, limit }) => {
      const next = after && [
        { mark: after.mark, _id: { $gt: idOf(after) } },
        { mark: { $lt: after.mark, ...isMark } },
      ];
      // Read from the index alone: documents, with their outputs, are not touched.
      const found = await executions
        .find(next ? { $or: next } : { mark: isMark }, { projection: { mark: 1 } })
        .sort({ mark: -1, _id: 1 })
        .limit(limit)
        .toArray();
      return found.map(({ _id, mark = "" }) => ({ ...keyOf(_id), mark }));
    }),
    stillMarked: each(async (marked: Marked[]) => {
      const marks = new Map(marked.map((one) => [idOf(one), one.mark]));
      const found = await executions.find({ _id: { $in: [...marks.keys()] }, mark: isMark }).toArray();
      return found.filter(({ _id, mark }) => mark === marks.get(_id)).map(executionOf);
    }),
    clear: changeEach(async (published: Marked[]) => {
      // One command for each kind of mark: nearly always one or two.
      for (const [mark, group] of Map.groupBy(published, (one) => one.mark)) {
        await replaceMark(access, group, mark, mark === outcomeMark ? unconfirmedMark : null);
      }
    }),
  };
}

function mongoConfirmations(access: MongoAccess): Store["confirmations"] {
  const { executions, guarded, changeEach } = access;
  return {
    unconfirmed: guarded(async ({ after, limit }) => {
      // Read from the index alone.
      const wanted = { after: after && idOf(after), limit, projection: { _id: 1 } };
      return (await page(executions, { mark: unconfirmedMark }, wanted)).map(({ _id }) => keyOf(_id));
    }),
    confirm: changeEach((recorded) => replaceMark(access, recorded, unconfirmedMark, null)),
    publishAgain: changeEach((missing) => replaceMark(access, missing, unconfirmedMark, outcomeMark)),
  };
}
