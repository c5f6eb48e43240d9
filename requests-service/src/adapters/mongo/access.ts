import type { Guarded } from "@sate/contracts/runtime";
import { type Collection, type Db, type Filter, MongoBulkWriteError, type WithId } from "mongodb";
import type {
  ExecutionDocument,
  KeyDocument,
  LogDocument,
  ProcessorDocument,
  RefusalDocument,
  RequestDocument,
  ScheduleDocument,
  WebhookDocument,
  WorkerDocument,
} from "./documents.ts";

/** The collections, and how the parts of the store call them. */
export type MongoAccess = ReturnType<typeof mongoAccess>;

export function mongoAccess(db: Db, guarded: Guarded) {
  /** A guarded call for a batch; an empty one makes no call. */
  function each<Item, A extends unknown[], T>(call: (items: Item[], ...args: A) => Promise<T[]>) {
    return guarded(async (items: Item[], ...args: A) => (items.length === 0 ? [] : call(items, ...args)));
  }
  /** The same, without a result. */
  function changeEach<Item>(call: (items: Item[]) => Promise<unknown>) {
    return guarded(async (items: Item[]) => {
      if (items.length > 0) await call(items);
    });
  }
  return {
    requests: db.collection<RequestDocument>("requests"),
    executions: db.collection<ExecutionDocument>("executions"),
    refusals: db.collection<RefusalDocument>("refusals"),
    workers: db.collection<WorkerDocument>("workers"),
    processors: db.collection<ProcessorDocument>("processors"),
    logs: db.collection<LogDocument>("logs"),
    keys: db.collection<KeyDocument>("idempotency_keys"),
    webhooks: db.collection<WebhookDocument>("webhooks"),
    schedules: db.collection<ScheduleDocument>("schedules"),
    ...{ guarded, each, changeEach },
  };
}

type Document = { _id: string };

/** The first `limit` documents by key, of those above `after`. */
export function page<D extends Document>(
  collection: Collection<D>,
  filter: object,
  { after, limit, projection = {} }: { after?: string | undefined; limit: number; projection?: object },
): Promise<WithId<D>[]> {
  const all = { ...filter, ...(after !== undefined && { _id: { $gt: after } }) } as Filter<D>;
  // In one batch: a page costs one command.
  return collection
    .find(all, { projection, batchSize: limit + 1 })
    .sort({ _id: 1 })
    .limit(limit)
    .toArray();
}

const duplicateKey = 11_000;

/** Inserts the documents whose key is free. Returns the positions of the others. */
export async function insertFree<D extends Document>(
  collection: Collection<D>,
  documents: D[],
): Promise<Set<number>> {
  try {
    await collection.insertMany(documents as never[], { ordered: false });
    return new Set();
  } catch (error) {
    if (!(error instanceof MongoBulkWriteError)) throw error;
    const failures = [error.writeErrors].flat();
    // The driver also throws this for a broken connection, without write errors: then the result is unknown.
    if (failures.length === 0 || failures.some(({ code }) => code !== duplicateKey)) throw error;
    if (error.result.getWriteConcernError()) throw error;
    return new Set(failures.map(({ index }) => index));
  }
}

/** Inserts the documents whose key is free. Returns the stored document of each key. */
export async function insertOrFind<D extends Document>(
  collection: Collection<D>,
  documents: D[],
): Promise<D[]> {
  const taken = await insertFree(collection, documents);
  if (taken.size === 0) return documents;
  const ids = documents.filter((_, index) => taken.has(index)).map(({ _id }) => _id);
  const found = await collection.find({ _id: { $in: ids } } as Filter<D>).toArray();
  const byId = new Map(found.map((document) => [document._id as string, document as D]));
  return documents.map((document, index) => {
    const there = taken.has(index) ? byId.get(document._id) : document;
    // Another process has just written it, and the majority has not acknowledged it: it may still be rolled back.
    if (!there) throw new Error("what is stored cannot be read yet");
    return there;
  });
}
