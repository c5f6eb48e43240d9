import type { Collection } from "mongodb";
import type { Refusal, RefusalKey, Refusals } from "../../ports.ts";
import type { Guarded } from "./guarded.ts";
import { insertFree } from "./insert-free.ts";

/** `_id` begins with the request's id, so that the database can be sharded by request. */
export type RefusalDocument = Refusal & { _id: string };

export function mongoRefusals(refusals: Collection<RefusalDocument>, guarded: Guarded): Refusals {
  return {
    insert: guarded(async (wanted) => {
      if (wanted.length === 0) return;
      const documents = wanted.map((refusal) => ({ _id: idOf(refusal), ...refusal }));
      const taken = await insertFree(refusals, documents);
      if (taken.size === 0) return;
      const ids = new Set([...taken].map((index) => (documents[index] as RefusalDocument)._id));
      const stored = await refusals.find({ _id: { $in: [...ids] } }, { projection: { _id: 1 } }).toArray();
      // Written a moment ago and not yet by the majority: it may still be rolled back.
      if (stored.length < ids.size) throw new Error("what is stored cannot be read yet");
    }),
    list: guarded(async ({ after, limit }) => {
      const found = await refusals
        .find(after ? { _id: { $gt: idOf(after) } } : {})
        .sort({ _id: 1 })
        .limit(limit)
        .toArray();
      return found.map(({ _id, ...refusal }) => refusal);
    }),
    remove: guarded(async (keys) => {
      if (keys.length === 0) return;
      await refusals.deleteMany({ _id: { $in: keys.map(idOf) } });
    }),
  };
}

function idOf({ request_id, id }: RefusalKey): string {
  return `${request_id}:${id}`;
}
