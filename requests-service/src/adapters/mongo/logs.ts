import { fitting } from "@sate/contracts/runtime";
import type { Filter } from "mongodb";
import { chunkBytes, type Logs, type StoredChunk } from "../../logs/port.ts";
import { insertFree, type MongoAccess } from "./access.ts";
import { chunkId, chunkOf, idOf, type LogDocument, logDocument } from "./documents.ts";
import { followLogs } from "./follow-logs.ts";

export function mongoLogs({ logs, guarded, each, changeEach }: MongoAccess, now: () => number): Logs {
  const onlyTotal = { projection: { sequence: 1, total: 1 } };
  return {
    totalsBefore: each(async (chunks) => {
      // Nearly always the chunk before it is stored: one command for all of them.
      const before = chunks.map((chunk) => chunkId({ ...chunk, sequence: chunk.sequence - 1 }));
      const found = await logs.find({ _id: { $in: before } }, onlyTotal).toArray();
      const totals = new Map(found.map(({ _id, total }) => [_id, total]));
      return Promise.all(
        chunks.map(async ({ epoch, sequence, ...key }, index) => {
          const total = sequence === 0 ? 0 : totals.get(before[index] as string);
          if (total !== undefined) return total;
          const descending = { ...onlyTotal, sort: { sequence: -1 } } as const;
          const last = await logs.findOne({ key: idOf(key), epoch }, descending);
          if (last === null) return 0;
          return last.sequence < sequence ? last.total : null;
        }),
      );
    }),
    append: changeEach(async (chunks) => {
      const written_at = now();
      await insertFree(
        logs,
        chunks.map((chunk) => logDocument({ ...chunk, written_at })),
      );
    }),
    read: guarded(async ({ epoch, after, limit, bytesMax, ...execution }) => {
      const filter: Filter<LogDocument> = {
        key: idOf(execution),
        ...(epoch !== undefined && { epoch }),
        ...(after && {
          $or: [{ epoch: { $gt: after.epoch } }, { epoch: after.epoch, sequence: { $gt: after.sequence } }],
        }),
      };
      const chunks: StoredChunk[] = [];
      const fits = fitting({ itemsMax: limit, sizeMax: bytesMax, sizeOf: chunkBytes });
      const found = logs
        .find(filter)
        .sort({ epoch: 1, sequence: 1 })
        .limit(limit + 1);
      // The end of the loop closes the cursor.
      for await (const document of found) {
        if (!fits(document)) return { chunks, isCut: true };
        chunks.push(chunkOf(document));
      }
      return { chunks, isCut: false };
    }),
    follow: guarded((executions, bytes) => followLogs(logs, executions, bytes)),
    removeBefore: guarded(async (instant, limit) => {
      const old = await logs
        .find({ written_at: { $lt: instant } }, { projection: { _id: 1 }, batchSize: limit + 1 })
        .sort({ written_at: 1 })
        .limit(limit)
        .toArray();
      if (old.length === 0) return 0;
      return (await logs.deleteMany({ _id: { $in: old.map(({ _id }) => _id) } })).deletedCount;
    }),
  };
}
