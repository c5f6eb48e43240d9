import type { Worker, Workers } from "../../ports.ts";
import type { ProgressReport } from "../../workers/port.ts";
import { all, change, insertInto, one, type SqliteAccess } from "./access.ts";
import { atRun } from "./runs.ts";
import { type Row, recordOf } from "./schema.ts";

type WorkerRow = Row<Omit<Worker, "processors">> & { processors: string };

const insert = insertInto("workers", 'id, beats, given_up, name, "group", processors, seen_at');
const byId = "SELECT * FROM workers WHERE id = $id";

export function sqliteWorkers(
  { read, write, writeEach, changeEach }: SqliteAccess,
  now: () => number,
): Workers {
  const storeProgress = writeEach((db, { progress, ...run }: ProgressReport, worker_id: string) =>
    change(db, `UPDATE executions SET progress = $progress WHERE ${atRun} AND worker_id = $worker_id`, {
      ...run,
      worker_id,
      progress: JSON.stringify(progress),
    }),
  );
  return {
    register: write((db, { id, name = null, group = null, processors }) => {
      const values = { id, name, group, processors: JSON.stringify(processors), seen_at: now() };
      if (change(db, insert, { ...values, beats: 0, given_up: 0 }) === 1) return true;
      const sql = `UPDATE workers SET name = $name, "group" = $group, processors = $processors,
                   seen_at = $seen_at WHERE id = $id AND given_up = 0`;
      return change(db, sql, values) === 1;
    }),
    beat: write((db, id) => {
      const sql = "UPDATE workers SET beats = beats + 1, seen_at = $seen_at WHERE id = $id AND given_up = 0";
      return change(db, sql, { id, seen_at: now() }) === 1;
    }),
    get: read((db, ids) => ids.flatMap((id) => one<WorkerRow>(db, byId, { id }) ?? []).map(workerOf)),
    list: read((db, { after, limit }) => {
      const sql = "SELECT * FROM workers WHERE id > $id ORDER BY id LIMIT $limit";
      return all<WorkerRow>(db, sql, { id: after?.id ?? "", limit }).map(workerOf);
    }),
    expire: write((db, id, beats) => {
      const row = one<WorkerRow>(db, byId, { id });
      if (row === null || row.given_up === 1) return true;
      if (beats !== undefined && row.beats !== beats) return false;
      return change(db, "UPDATE workers SET given_up = 1 WHERE id = $id", { id }) === 1;
    }),
    forget: changeEach((db, id) => change(db, "DELETE FROM workers WHERE id = $id AND given_up = 1", { id })),
    async progress(reports, worker_id) {
      await storeProgress(reports, worker_id);
    },
  };
}

function workerOf({ processors, ...row }: WorkerRow): Worker {
  return { ...recordOf<Omit<Worker, "processors">>(row), processors: JSON.parse(processors) };
}
