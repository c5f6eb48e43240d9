import type { Database } from "bun:sqlite";
import { type DeadLetterDocument, deadLetterSubjectColumns, subjectOfStored } from "@sate/contracts";
import { addColumns, hasTable } from "./add-columns.ts";

/** Version 2 did not store what dead letters are about. They get it from their records. */
export function upgradeDeadLetters(db: Database): void {
  if (!hasTable(db, "dead_letters")) return;
  addColumns(db, "dead_letters", deadLetterSubjectColumns);
  const ids = db.query<{ _id: string }, []>("SELECT _id FROM dead_letters WHERE request_id IS NULL").all();
  // One by one: a row may have 16 MiB.
  const read = db.query<DeadLetterDocument, [string]>("SELECT * FROM dead_letters WHERE _id = ?");
  const write = db.query(
    `UPDATE dead_letters SET request_id = $request_id, attempt = $attempt, execution_id = $execution_id,
     processor = $processor WHERE _id = $_id`,
  );
  for (const { _id } of ids) {
    const stored = read.get(_id);
    if (stored) write.run({ _id, ...subjectOfStored(stored) });
  }
}
