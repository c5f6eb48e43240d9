import type { ExecutionKey } from "@sate/contracts";
import { removalMarks } from "../../executions/execution.ts";
import type { Emptied, Removals } from "../../removals/port.ts";
import { type MongoAccess, page } from "./access.ts";
import { executionOf, idOf, keyOf, withoutOutputs } from "./documents.ts";

const final = { $in: ["succeeded", "failed", "dead_lettered", "cancelled"] };

/** What a stub does not have. */
const content = {
  ...{ outcome: "", outputs: "", result_id: "", last_error: "", progress: "", labels: "", traceparent: "" },
  ...{ timeout_seconds: "", start_after: "", expires_at: "", deadline_at: "" },
} as const;

export function mongoRemovals(access: MongoAccess, now: () => number): Removals {
  const { requests, executions, logs, refusals, guarded, changeEach } = access;
  return {
    marked: guarded(async ({ after, limit }) => {
      const filter = { mark: { $in: Object.values(removalMarks) } };
      const wanted = { after: after && idOf(after), limit, projection: { mark: 1 } };
      const found = await page(executions, filter, wanted);
      return found.map(({ _id, mark = "" }) => ({ ...keyOf(_id), mark }));
    }),
    setMark: guarded(async (removals, next) => {
      for (const [mark, group] of Map.groupBy(removals, (one) => one.mark)) {
        const update = next === undefined ? { $unset: { mark: "" as const } } : { $set: { mark: next } };
        await executions.updateMany({ _id: { $in: group.map(idOf) }, mark }, update);
      }
    }),
    empty: guarded(async (wanted: Emptied[], status) => {
      if (wanted.length === 0) return;
      const removed_at = now();
      const operations: object[] = wanted.map(({ tries, ...key }) => ({
        updateOne: {
          filter: { _id: idOf(key), status: final, mark: null, removed_at: null },
          update: { $set: { removed_at, tries }, $unset: content },
        },
      }));
      if (status) {
        const filter = { _id: { $in: wanted.map(idOf) }, removed_at: { $gt: 0 } };
        operations.push({ updateMany: { filter, update: { $set: { status } } } });
      }
      // In order: the status is that of stubs.
      await executions.bulkWrite(operations as never[], { ordered: true });
    }),
    removeLogs: guarded(async (keys: ExecutionKey[], limit) => {
      if (keys.length === 0) return 0;
      const found = await logs
        .find({ key: { $in: keys.map(idOf) } }, { projection: { _id: 1 }, batchSize: limit + 1 })
        .limit(limit)
        .toArray();
      if (found.length === 0) return 0;
      return (await logs.deleteMany({ _id: { $in: found.map(({ _id }) => _id) } })).deletedCount;
    }),
    removeRefusals: changeEach(async (requestIds: string[]) => {
      // Their keys begin with the id of the request and a colon; the next character is the semicolon.
      await refusals.deleteMany({ $or: requestIds.map((id) => ({ _id: { $gt: `${id}:`, $lt: `${id};` } })) });
    }),
    prepare: guarded(async () => {
      await requests.createIndex({ removed_at: 1, _id: 1 });
      await executions.createIndex({ removed_at: 1, _id: 1 });
    }),
    oldRequests: guarded(async ({ until, after = "", limit }) => {
      const found = await requests
        .find(
          { removed_at: null as never, _id: { $gt: after, $lt: until } },
          { projection: { start: 1 }, batchSize: limit + 1 },
        )
        .sort({ removed_at: 1, _id: 1 })
        .limit(limit)
        .toArray();
      return found.map(({ _id, start }) => ({ id: _id, start }));
    }),
    oldExecutions: guarded(async ({ until, after, limit }) => {
      const found = await executions
        .find(
          { removed_at: null as never, _id: { $gt: after ? idOf(after) : "", $lt: until } },
          { projection: withoutOutputs, batchSize: limit + 1 },
        )
        .sort({ removed_at: 1, _id: 1 })
        .limit(limit)
        .toArray();
      return found.map(executionOf);
    }),
  };
}
