import type { Workers } from "../../ports.ts";
import { insertFree, type MongoAccess, page } from "./access.ts";
import { idOf, workerOf } from "./documents.ts";

export function mongoWorkers(access: MongoAccess, now: () => number): Workers {
  const { workers, executions, guarded, each, changeEach } = access;
  return {
    register: guarded(async ({ id, name, group, processors }) => {
      const fields = { name, group, processors, seen_at: now() };
      const taken = await insertFree(workers, [{ _id: id, beats: 0, given_up: false, ...fields }]);
      if (taken.size === 0) return true;
      const { matchedCount } = await workers.updateOne({ _id: id, given_up: false }, { $set: fields });
      return matchedCount > 0;
    }),
    beat: guarded(async (id) => {
      const update = { $inc: { beats: 1 }, $set: { seen_at: now() } };
      const { matchedCount } = await workers.updateOne({ _id: id, given_up: false }, update);
      return matchedCount > 0;
    }),
    get: each(async (ids) => (await workers.find({ _id: { $in: ids } }).toArray()).map(workerOf)),
    list: guarded(async ({ after, limit }) => {
      return (await page(workers, {}, { after: after?.id, limit })).map(workerOf);
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
    forget: changeEach((ids) => workers.deleteMany({ _id: { $in: ids }, given_up: true })),
    progress: guarded(async (reports, worker_id) => {
      if (reports.length === 0) return;
      const operations = reports.map(({ progress, execution_id, epoch, ...key }) => ({
        updateOne: {
          filter: { _id: idOf(key), id: execution_id, status: "running" as const, epoch, worker_id },
          update: { $set: { progress: JSON.stringify(progress) } },
        },
      }));
      await executions.bulkWrite(operations, { ordered: false });
    }),
  };
}
