import type { Keys } from "../../keys/port.ts";
import { insertOrFind, type MongoAccess } from "./access.ts";
import { keyDocument, storedKeyOf } from "./documents.ts";

export function mongoKeys({ keys, guarded, each }: MongoAccess, now: () => number): Keys {
  return {
    insert: each(async (wanted) => {
      const at = now();
      const documents = wanted.map((key) => keyDocument(key, at));
      return (await insertOrFind(keys, documents)).map(storedKeyOf);
    }),
    get: guarded(async (hashes) => {
      if (hashes.length === 0) return new Map();
      const found = await keys.find({ _id: { $in: hashes } }).toArray();
      return new Map(found.map((document) => [document._id, storedKeyOf(document)]));
    }),
    removeBefore: guarded(async (instant, limit) => {
      const old = await keys
        .find({ at: { $lt: instant } }, { projection: { _id: 1 }, batchSize: limit + 1 })
        .sort({ at: 1 })
        .limit(limit)
        .toArray();
      if (old.length === 0) return 0;
      const ids = old.map(({ _id }) => _id);
      return (await keys.deleteMany({ _id: { $in: ids }, at: { $lt: instant } })).deletedCount;
    }),
  };
}
