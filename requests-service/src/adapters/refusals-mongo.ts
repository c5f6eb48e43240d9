import type { Collection } from "mongodb";
import type { Refusal, RefusalKey, Refusals } from "../ports.ts";
import { insertFree } from "./insert-free.ts";

/** `_id` begins with the request's id, so that the database can be sharded by request. */
export type RefusalDocument = Refusal & { _id: string };

/** The `Refusals` of a store on MongoDB. `guarded` gives a call its deadline and its error. */
export function mongoRefusals(
  refusals: Collection<RefusalDocument>,
  guarded: <A extends unknown[], T>(call: (...args: A) => Promise<T>) => (...args: A) => Promise<T>,
): Refusals {
  return {
    insert: guarded(async (wanted) => {
      if (wanted.length === 0) return;
      const documents = wanted.map((refusal) => ({ _id: keyOf(refusal), ...refusal }));
      const taken = await insertFree(refusals, documents);
      if (taken.size === 0) return;
      const keys = new Set([...taken].map((index) => (documents[index] as RefusalDocument)._id));
      const stored = await refusals.find({ _id: { $in: [...keys] } }, { projection: { _id: 1 } }).toArray();
      // Written a moment ago, and not by the majority yet: it may still be undone.
      if (stored.length < keys.size) throw new Error("what is stored cannot be read yet");
    }),
    list: guarded(async ({ after, limit }) => {
      const found = await refusals
        .find(after ? { _id: { $gt: keyOf(after) } } : {})
        .sort({ _id: 1 })
        .limit(limit)
        .toArray();
      return found.map(({ _id, ...refusal }) => refusal);
    }),
    remove: guarded(async (keys) => {
      if (keys.length === 0) return;
      await refusals.deleteMany({ _id: { $in: keys.map(keyOf) } });
    }),
  };
}

function keyOf({ request_id, id }: RefusalKey): string {
  return `${request_id}:${id}`;
}
