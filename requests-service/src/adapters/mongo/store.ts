import { outcomeMark, type RequestRecord } from "@sate/contracts";
import type { Counters } from "@sate/contracts/runtime";
import { type Collection, MongoClient } from "mongodb";
import { type Execution, unconfirmedMark } from "../../executions/execution.ts";
import type { Store } from "../../ports.ts";
import { openWithin } from "../../requests/take-within-bytes.ts";
import {
  type ExecutionDocument,
  executionDocument,
  executionOf,
  idOf,
  keyOf,
  outcomeFields,
  type RequestDocument,
  requestDocument,
  requestOf,
  type WorkerDocument,
  withoutOutputs,
  workerOf,
} from "./documents.ts";
import { type Guarded, guardedCalls } from "./guarded.ts";
import { insertFree } from "./insert-free.ts";
import { mongoRefusals, type RefusalDocument } from "./refusals.ts";
import { mongoRuns } from "./runs.ts";

export type MongoStoreOptions = { url: string; counters: Counters; deadlineMs?: number };

/**
 * A `Store` on MongoDB, or anything that speaks its protocol: single-document conditional updates, unique
 * keys, and nothing else. Writes are acknowledged by the majority and journaled.
 */
export function mongoStore({ url, counters, deadlineMs = 5_000 }: MongoStoreOptions): Store {
  const client = new MongoClient(url, {
    // The driver has no deadline for a whole call (timeoutMS does nothing); `guarded` has one. These settings free what a
    // call leaves behind after its deadline.
    serverSelectionTimeoutMS: Math.min(3_000, deadlineMs),
    connectTimeoutMS: Math.min(3_000, deadlineMs),
    socketTimeoutMS: deadlineMs,
    waitQueueTimeoutMS: deadlineMs,
    maxPoolSize: 32,
    retryWrites: false,
    retryReads: false,
    writeConcern: { w: "majority", journal: true, wtimeoutMS: deadlineMs },
    readPreference: "primary",
    readConcern: { level: "majority" },
    monitorCommands: true,
    ignoreUndefined: true,
  });
  client.on("commandStarted", () => counters.add("mongo_commands"));
  const db = client.db();
  const executions = db.collection<ExecutionDocument>("executions");
  let isClosed = false;
  const guarded = guardedCalls(deadlineMs, () => isClosed);

  return {
    requests: mongoRequests(db.collection<RequestDocument>("requests"), guarded),
    executions: mongoExecutions(executions, guarded),
    runs: mongoRuns(executions, guarded),
    refusals: mongoRefusals(db.collection<RefusalDocument>("refusals"), guarded),
    workers: mongoWorkers(db.collection<WorkerDocument>("workers"), guarded),
    outbox: mongoOutbox(executions, guarded),
    confirmations: mongoConfirmations(executions, guarded),
    open: guarded(async () => {
      await client.connect();
      await executions.createIndex({ status: 1, _id: 1 });
      await executions.createIndex({ status: 1, worker_id: 1, _id: 1 });
      await executions.createIndex({ mark: -1, _id: 1 });
    }),
    ping: guarded(async () => {
      await db.command({ ping: 1 });
    }),
    async close() {
      isClosed = true;
      await client.close();
    },
  };
}

function mongoRequests(requests: Collection<RequestDocument>, guarded: Guarded): Store["requests"] {
  return {
    insert: guarded(async (wanted) => {
      if (wanted.length === 0) return [];
      const taken = await insertFree(requests, wanted.map(requestDocument));
      if (taken.size === 0) return wanted;
      const ids = [...taken].map((index) => (wanted[index] as RequestRecord).id);
      const stored = await requests.find({ _id: { $in: ids } }).toArray();
      const byId = new Map(stored.map((document) => [document._id, requestOf(document)]));
      return wanted.map((request, index) => {
        if (!taken.has(index)) return request;
        const there = byId.get(request.id);
        // Written by another process a moment ago and not yet by the majority: it may still be rolled back.
        if (!there) throw new Error("what is stored cannot be read yet");
        return there;
      });
    }),
    get: guarded(async (ids) => {
      if (ids.length === 0) return new Map();
      const found = await requests.find({ _id: { $in: ids } }).toArray();
      return new Map(found.map((document) => [document._id, requestOf(document)]));
    }),
    getWithin: guarded(async (ids, bytesMax) => {
      const within = openWithin(bytesMax);
      if (ids.length === 0) return within.read();
      // The server sends at most 16 MiB at a time, and the end of the loop closes the cursor.
      const cursor = requests.find({ _id: { $in: ids } }).sort({ _id: 1 });
      for await (const document of cursor) if (!within.take(requestOf(document))) break;
      return within.read();
    }),
    list: guarded(async ({ limit, bytesMax, before }) => {
      const within = openWithin(bytesMax, limit);
      const filter = before === undefined ? {} : { _id: { $lt: before } };
      const cursor = requests
        .find(filter)
        .sort({ _id: -1 })
        .limit(limit + 1);
      for await (const document of cursor) if (!within.take(requestOf(document))) break;
      return within.read();
    }),
  };
}

/** Attempts of a request are dense, so they are found by their keys: this many at first, then more. */
const attemptsAtFirst = 4;
const attemptsAtMost = 128;

function mongoExecutions(executions: Collection<ExecutionDocument>, guarded: Guarded): Store["executions"] {
  async function byKeys(keys: string[]): Promise<ExecutionDocument[]> {
    if (keys.length === 0) return [];
    return executions.find({ _id: { $in: keys } }, { projection: withoutOutputs }).toArray();
  }

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
    insert: guarded(async (wanted) => {
      if (wanted.length === 0) return [];
      const taken = await insertFree(executions, wanted.map(executionDocument));
      return wanted.map((_, index) => !taken.has(index));
    }),
    get: guarded(async (keys) => (await byKeys(keys.map(idOf))).map(executionOf)),
    list: guarded(async ({ request_id, after_attempt, limit }) => {
      const keys = keysOf(request_id, after_attempt + 1, limit);
      const found = (await byKeys(keys)).map(executionOf);
      return found.sort((a, b) => a.attempt - b.attempt);
    }),
    cancel: guarded(async ({ request_id, attempt, execution_id }, outcome) => {
      const _id = idOf({ request_id, attempt });
      const { matchedCount } = await executions.updateOne(
        { _id, id: execution_id, status: "queued" },
        { $set: { ...outcomeFields(outcome), mark: outcomeMark } },
      );
      if (matchedCount > 0) return;
      await executions.updateOne(
        { _id, id: execution_id, status: "running" },
        { $set: { cancel_requested: true } },
      );
    }),
  };
}

function keysOf(request_id: string, from: number, count: number): string[] {
  return Array.from({ length: count }, (_, index) => idOf({ request_id, attempt: from + index }));
}

function mongoWorkers(workers: Collection<WorkerDocument>, guarded: Guarded): Store["workers"] {
  return {
    register: guarded(async (id) => {
      await insertFree(workers, [{ _id: id, beats: 0, given_up: false }]);
    }),
    beat: guarded(async (id) => {
      const { matchedCount } = await workers.updateOne({ _id: id, given_up: false }, { $inc: { beats: 1 } });
      return matchedCount > 0;
    }),
    get: guarded(async (ids) => {
      if (ids.length === 0) return [];
      return (await workers.find({ _id: { $in: ids } }).toArray()).map(workerOf);
    }),
    list: guarded(async ({ after, limit }) => {
      const filter = after === undefined ? {} : { _id: { $gt: after } };
      return (await workers.find(filter).sort({ _id: 1 }).limit(limit).toArray()).map(workerOf);
    }),
    expire: guarded(async (id, beats) => {
      const { matchedCount } = await workers.updateOne(
        { _id: id, given_up: false, ...(beats !== undefined && { beats }) },
        { $set: { given_up: true } },
      );
      if (matchedCount > 0) return true;
      const worker = await workers.findOne({ _id: id });
      return worker === null || worker.given_up;
    }),
    forget: guarded(async (ids) => {
      if (ids.length === 0) return;
      await workers.deleteMany({ _id: { $in: ids }, given_up: true });
    }),
  };
}

/** Something must be published. Not `$exists`: documents without a mark are in the index too, before all texts. */
const isMark = { $gt: unconfirmedMark };
const noMark = { $unset: { mark: "" } } as const;

function mongoOutbox(executions: Collection<ExecutionDocument>, guarded: Guarded): Store["outbox"] {
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
    stillMarked: guarded(async (marked) => {
      if (marked.length === 0) return [];
      const marks = new Map(marked.map((one) => [idOf(one), one.mark]));
      const found = await executions.find({ _id: { $in: [...marks.keys()] }, mark: isMark }).toArray();
      return found.filter(({ _id, mark }) => mark === marks.get(_id)).map(executionOf);
    }),
    clear: guarded(async (published) => {
      // One command for each kind of mark: nearly always one or two.
      const byMark = Map.groupBy(published, ({ mark }) => mark);
      for (const [mark, group] of byMark) {
        const then = mark === outcomeMark ? { $set: { mark: unconfirmedMark } } : noMark;
        await executions.updateMany({ _id: { $in: group.map(idOf) }, mark }, then);
      }
    }),
  };
}

function mongoConfirmations(
  executions: Collection<ExecutionDocument>,
  guarded: Guarded,
): Store["confirmations"] {
  return {
    unconfirmed: guarded(async ({ after, limit }) => {
      // Read from the index alone, in one batch.
      const found = await executions
        .find(
          { mark: unconfirmedMark, ...(after && { _id: { $gt: idOf(after) } }) },
          { projection: { _id: 1 }, batchSize: limit + 1 },
        )
        .sort({ _id: 1 })
        .limit(limit)
        .toArray();
      return found.map(({ _id }) => keyOf(_id));
    }),
    confirm: guarded(async (recorded) => {
      if (recorded.length === 0) return;
      await executions.updateMany({ _id: { $in: recorded.map(idOf) }, mark: unconfirmedMark }, noMark);
    }),
    publishAgain: guarded(async (missing) => {
      if (missing.length === 0) return;
      const filter = { _id: { $in: missing.map(idOf) }, mark: unconfirmedMark };
      await executions.updateMany(filter, { $set: { mark: outcomeMark } });
    }),
  };
}
