import type { Execution } from "../../executions/execution.ts";
import type { KnownProcessor, ProcessorStore } from "../../processors/port.ts";
import { joinedAnnouncement, splitAnnouncement } from "../stored.ts";
import { all, change, type SqliteAccess } from "./access.ts";
import { type ExecutionRow, executionColumns, executionOf, type Row, recordOf } from "./schema.ts";

type ProcessorRow = Row<Omit<KnownProcessor, "announcement">> & {
  name: string;
  announcement: string;
  input?: string | null;
};

const announce = `
  INSERT INTO processors (name, announcement, input, bytes, announced_at)
  VALUES ($name, $text, $input, $bytes, $announced_at)
  ON CONFLICT DO UPDATE SET announcement = $text, input = $input, bytes = $bytes,
    announced_at = $announced_at, withdrawn_at = NULL`;

const stillStands = "name = $name AND withdrawn_at = $withdrawn_at";

export function sqliteProcessors(
  { read, write, changeEach }: SqliteAccess,
  now: () => number,
): ProcessorStore {
  return {
    announce: changeEach((db, { announcement, bytes }) => {
      const { name } = announcement;
      change(db, announce, { name, ...splitAnnouncement(announcement), bytes, announced_at: now() });
    }),
    list: read((db, { withInputs } = { withInputs: false }) => {
      const columns = withInputs ? "*" : "name, announcement, bytes, announced_at, withdrawn_at";
      return all<ProcessorRow>(db, `SELECT ${columns} FROM processors ORDER BY name`, {}).map(
        knownProcessorOf,
      );
    }),
    get: read((db, names) => {
      const sql = "SELECT * FROM processors WHERE name = $name";
      const inOrder = [...new Set(names.toSorted())];
      return inOrder.flatMap((name) => all<ProcessorRow>(db, sql, { name })).map(knownProcessorOf);
    }),
    withdraw: write((db, name) => {
      const withdrawn_at = now();
      const sql = "UPDATE processors SET withdrawn_at = $withdrawn_at WHERE name = $name";
      return change(db, sql, { name, withdrawn_at }) === 1 ? withdrawn_at : null;
    }),
    restore: changeEach((db, withdrawal) =>
      change(db, `UPDATE processors SET withdrawn_at = NULL WHERE ${stillStands}`, withdrawal),
    ),
    forget: changeEach((db, withdrawal) =>
      change(db, `DELETE FROM processors WHERE ${stillStands}`, withdrawal),
    ),
    queued: read((db, names, limit) => {
      const found: Execution[] = [];
      // Each has an index of its own, which is named because SQLite would take that of all statuses.
      for (const [start, index] of [
        ["IS NULL", "claimable_executions"],
        ["IS NOT NULL", "scheduled_executions"],
      ]) {
        const sql = `SELECT ${executionColumns} FROM executions INDEXED BY ${index}
                     WHERE status = 'queued' AND start_after ${start}
                       AND processor IN (SELECT value FROM json_each($names)) LIMIT $limit`;
        const values = { names: JSON.stringify(names), limit: limit - found.length };
        found.push(...all<ExecutionRow>(db, sql, values).map(executionOf));
      }
      return found;
    }),
  };
}

export function knownProcessorOf({ name: _, announcement, input, ...row }: ProcessorRow): KnownProcessor {
  return {
    announcement: joinedAnnouncement(announcement, input),
    ...recordOf<Omit<KnownProcessor, "announcement">>(row),
  };
}
