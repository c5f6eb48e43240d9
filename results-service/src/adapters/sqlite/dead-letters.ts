import type { Database } from "bun:sqlite";
import { type DeadLetterDocument, deadLetterEntryOf } from "@sate/contracts";
import type { Guarded } from "@sate/contracts/runtime";
import { comparesReason, type Examined, entriesToExamine, pageOfExamined } from "../../dead-letters/page.ts";
import type { DeadLetterQuery, DeadLetters } from "../../dead-letters/port.ts";
import { deadLetterRecordOf } from "../../dead-letters/record.ts";

const columns = `_id, time, "partition", "offset", reason, detail, origin_topic, origin_partition, origin_offset,
  cut, request_id, attempt, execution_id, processor`;

export function sqliteDeadLetters(db: Database, guarded: Guarded): DeadLetters {
  return {
    list: guarded((query) => {
      const { conditions, values } = conditionsOf(query);
      // Read from an index alone, whose entries are small; a row may have 16 MiB.
      const fields = comparesReason(query) ? "_id, time, reason" : "_id, time";
      const examined = db
        .query<Examined, (string | number)[]>(
          `SELECT ${fields} FROM dead_letters ${conditions} ORDER BY time DESC, _id DESC LIMIT ?`,
        )
        .all(...values, entriesToExamine(query));
      const { ids, ...rest } = pageOfExamined(examined, query);
      const select = db.query<DeadLetterDocument, [string]>(
        `SELECT ${columns} FROM dead_letters WHERE _id = ?`,
      );
      const found = ids.flatMap((id) => select.get(id) ?? []);
      return { dead_letters: found.map(deadLetterEntryOf), ...rest };
    }),
    get: guarded((id) => {
      const row = db.query<DeadLetterDocument, [string]>("SELECT * FROM dead_letters WHERE _id = ?").get(id);
      return row && deadLetterRecordOf(row);
    }),
  };
}

/** The statements differ only in which conditions they have, so there are few of them. */
function conditionsOf({ reason, processor, since, until, before }: DeadLetterQuery) {
  const parts: [condition: string, ...values: (string | number)[]][] = [];
  if (processor !== undefined) parts.push(["processor = ?", processor]);
  else if (reason !== undefined) parts.push(["reason = ?", reason]);
  if (since !== undefined) parts.push(["time >= ?", since]);
  if (until !== undefined) parts.push(["time < ?", until]);
  if (before !== undefined) parts.push(["(time, _id) < (?, ?)", before.time, before.id]);
  return {
    conditions: parts.length === 0 ? "" : `WHERE ${parts.map(([condition]) => condition).join(" AND ")}`,
    values: parts.flatMap(([, ...values]) => values),
  };
}
