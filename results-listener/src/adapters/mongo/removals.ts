import {
  type DeadLetterDocument,
  type ResultDocument,
  requestTombstoneKey,
  resultTombstone,
} from "@sate/contracts";
import type { Guarded } from "@sate/contracts/runtime";
import type { Collection, Db, Filter } from "mongodb";
import type { Removals } from "../../removals/port.ts";
import { fillSubjects } from "./fill-subjects.ts";
import { insertEach } from "./insert-each.ts";

type Collections = {
  db: Db;
  results: Collection<ResultDocument>;
  deadLetters: Collection<DeadLetterDocument>;
};

/** What a tombstone does not have. */
const emptied = { error: "", processor: "", processor_version: "", tries: "" } as const;

export function mongoRemovals({ db, results, deadLetters }: Collections, guarded: Guarded): Removals {
  let areFilled = false;

  async function removeFirst(
    filter: Filter<DeadLetterDocument>,
    sort: Record<string, 1>,
    limit: number,
  ): Promise<number> {
    const found = await deadLetters
      .find(filter, { projection: { _id: 1 }, batchSize: limit + 1 })
      .sort(sort)
      .limit(limit)
      .toArray();
    if (found.length === 0) return 0;
    return (await deadLetters.deleteMany({ _id: { $in: found.map(({ _id }) => _id) } })).deletedCount;
  }

  return {
    removeResults: guarded(async (executions, removedAt) => {
      const tombstones = executions.map((key) => resultTombstone(key, removedAt));
      const [first] = tombstones;
      if (!first) return;
      const { _id, request_id, attempt, ...content } = first;
      const filter = { _id: { $in: tombstones.map((one) => one._id) }, removed_at: null as never };
      const replace = () => results.updateMany(filter, { $set: content, $unset: emptied });
      // Nearly always all of them are recorded: one command.
      if ((await replace()).matchedCount === tombstones.length) return;
      await insertEach(results, tombstones);
      // Those that were recorded between the two.
      await replace();
    }),
    removedRequests: guarded(async (requestIds) => {
      if (requestIds.length === 0) return new Set();
      const keys = new Map(requestIds.map((id) => [requestTombstoneKey(id), id]));
      const found = await results
        .find({ _id: { $in: [...keys.keys()] } }, { projection: { _id: 1 } })
        .toArray();
      return new Set(found.map(({ _id }) => keys.get(_id) as string));
    }),
    removeDeadLetters: guarded(async (ids) => {
      if (ids.length > 0) await deadLetters.deleteMany({ _id: { $in: ids } });
    }),
    removeDeadLettersOf: guarded(async (requestIds, limit) => {
      if (!areFilled) await fillSubjects(deadLetters);
      areFilled = true;
      return removeFirst({ request_id: { $in: requestIds } }, { request_id: 1 }, limit);
    }),
    removeDeadLettersBefore: guarded((instant, limit) =>
      removeFirst({ time: { $lt: instant } }, { time: 1, _id: 1 }, limit),
    ),
    now: guarded(async () => {
      // The older name of `hello`, which compatible servers know too.
      const { localTime } = await db.command({ isMaster: 1 });
      return (localTime as Date).getTime();
    }),
  };
}
