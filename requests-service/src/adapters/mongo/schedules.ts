import type { Filter, UpdateFilter } from "mongodb";
import type { Advance, Schedules } from "../../schedules/port.ts";
import { parsedSchedule, scheduleFields } from "../stored.ts";
import { insertOrFind, type MongoAccess } from "./access.ts";
import type { ScheduleDocument } from "./documents.ts";

export function mongoSchedules({ schedules, guarded }: MongoAccess): Schedules {
  const advance = guarded(async (turns: Advance[]) => {
    // One of the two matches at most: a schedule that was paused during its turn stays paused.
    const operations = turns.flatMap((turn) => [
      { updateOne: { filter: { _id: turn.id, next_at: turn.from }, update: turnOf(turn, "next_at") } },
      {
        updateOne: { filter: { _id: turn.id, paused_from: turn.from }, update: turnOf(turn, "paused_from") },
      },
    ]);
    return (await schedules.bulkWrite(operations)).matchedCount;
  });
  return {
    insert: guarded(async ({ id, ...schedule }, countMax) => {
      const ids = await schedules
        .find({}, { projection: { _id: 1 } })
        .sort({ _id: 1 })
        .limit(countMax)
        .toArray();
      if (ids.length >= countMax) {
        const there = await schedules.findOne({ _id: id });
        return there && scheduleOf(there);
      }
      const document = { _id: id, ...scheduleFields(schedule) } as ScheduleDocument;
      const [stored] = await insertOrFind(schedules, [document]);
      return scheduleOf(stored as ScheduleDocument);
    }),
    get: guarded(async (id) => {
      const found = await schedules.findOne({ _id: id });
      return found && scheduleOf(found);
    }),
    list: guarded(async ({ owner, before, limit }) => {
      const filter: Filter<ScheduleDocument> = {
        ...(owner !== undefined && { owner }),
        ...(before !== undefined && { _id: { $lt: before } }),
      };
      const found = schedules.find(filter, { projection: { payload_json: 0 }, batchSize: limit + 1 });
      return (await found.sort({ _id: -1 }).limit(limit).toArray()).map(scheduleOf);
    }),
    due: guarded(async ({ until, limit }) => {
      const found = schedules.find({ next_at: { $lte: until } }, { batchSize: limit + 1 });
      return (await found.sort({ next_at: 1 }).limit(limit).toArray()).map(scheduleOf);
    }),
    setDue: guarded(async (id, from, to) => {
      const { matchedCount } = await schedules.updateOne(
        {
          _id: id,
          next_at: (from.next_at ?? null) as never,
          paused_from: (from.paused_from ?? null) as never,
        },
        changeOf({ next_at: to.next_at, paused_from: to.paused_from }),
      );
      return matchedCount > 0;
    }),
    advance: async (turns) => (turns.length === 0 ? 0 : advance(turns)),
    remove: guarded(async (id) => void (await schedules.deleteOne({ _id: id }))),
  };
}

function turnOf({ next_at, last_at, last_error }: Advance, name: "next_at" | "paused_from") {
  if (last_at !== undefined) return changeOf({ [name]: next_at, last_at, last_error: undefined });
  return changeOf({ [name]: next_at, ...(last_error && { last_error: JSON.stringify(last_error) }) });
}

/** Sets these fields; those that are `undefined` are removed. */
function changeOf(fields: Record<string, unknown>): UpdateFilter<ScheduleDocument> {
  const entries = Object.entries(fields);
  const set = entries.filter(([, value]) => value !== undefined);
  const unset = entries.flatMap(([name, value]) => (value === undefined ? [[name, ""]] : []));
  return {
    ...(set.length > 0 && { $set: Object.fromEntries(set) }),
    ...(unset.length > 0 && { $unset: Object.fromEntries(unset) }),
  };
}

function scheduleOf({ _id, ...fields }: ScheduleDocument) {
  return parsedSchedule({ id: _id, ...fields });
}
