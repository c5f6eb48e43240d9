import { type DeadLetterDocument, deadLetterEntryOf } from "@sate/contracts";
import type { Guarded } from "@sate/contracts/runtime";
import { Binary, type Collection, type Filter } from "mongodb";
import { comparesReason, entriesToExamine, pageOfExamined } from "../../dead-letters/page.ts";
import type { DeadLetterQuery, DeadLetters } from "../../dead-letters/port.ts";
import { deadLetterRecordOf } from "../../dead-letters/record.ts";

const withoutBytes = { key: 0, value: 0, headers: 0 };

export function mongoDeadLetters(deadLetters: Collection<DeadLetterDocument>, guarded: Guarded): DeadLetters {
  return {
    list: guarded(async (query) => {
      // Read from an index alone, whose entries are small; a document may have 16 MiB.
      const projection = comparesReason(query) ? { time: 1, reason: 1 } : { time: 1 };
      const examined = await deadLetters
        .find(filterOf(query), { projection })
        .sort({ time: -1, _id: -1 })
        .limit(entriesToExamine(query))
        .toArray();
      const { ids, ...rest } = pageOfExamined(examined, query);
      if (ids.length === 0) return { dead_letters: [], ...rest };
      const found = await deadLetters.find({ _id: { $in: ids } }, { projection: withoutBytes }).toArray();
      const byId = new Map(found.map((stored) => [stored._id, stored]));
      const inOrder = ids.flatMap((id) => byId.get(id) ?? []);
      return { dead_letters: inOrder.map(deadLetterEntryOf), ...rest };
    }),
    get: guarded(async (_id) => {
      const found = await deadLetters.findOne({ _id });
      return found && deadLetterRecordOf({ ...found, key: plain(found.key), value: plain(found.value) });
    }),
  };
}

function filterOf({ reason, processor, since, until, before }: DeadLetterQuery): Filter<DeadLetterDocument> {
  const range = {
    ...(since !== undefined && { $gte: since }),
    ...(until !== undefined && { $lt: until }),
  };
  return {
    ...(processor !== undefined ? { processor } : reason !== undefined && { reason }),
    ...(Object.keys(range).length > 0 && { time: range }),
    ...(before && { $or: [{ time: { $lt: before.time } }, { time: before.time, _id: { $lt: before.id } }] }),
  };
}

/** The driver reads bytes as its own class. */
function plain(bytes: Uint8Array | Binary | null): Uint8Array | null {
  return bytes instanceof Binary ? bytes.value() : bytes;
}
