import type { Advance, Schedule, Schedules } from "../../schedules/port.ts";
import { parsedSchedule, scheduleFields, textOf } from "../stored.ts";
import { all, change, insertInto, one, type SqliteAccess } from "./access.ts";
import { recordOf } from "./schema.ts";

const withoutPayload = `id, name, owner, cron, time_zone, missed, processor, labels, creation_date, next_at,
  paused_from, last_at, last_error`;
const insert = insertInto("schedules", `${withoutPayload}, payload_json`);
const byId = "SELECT * FROM schedules WHERE id = $id";

const setDue = `
  UPDATE schedules SET next_at = $to_next_at, paused_from = $to_paused_from
  WHERE id = $id AND next_at IS $next_at AND paused_from IS $paused_from`;
const setTurn = `
  UPDATE schedules
  SET next_at = CASE WHEN next_at IS NULL THEN NULL ELSE $to END,
    paused_from = CASE WHEN paused_from IS NULL THEN NULL ELSE $to END,
    last_at = coalesce($last_at, last_at),
    last_error = CASE WHEN $last_at IS NULL THEN coalesce($last_error, last_error) END
  WHERE id = $id AND coalesce(next_at, paused_from) = $from`;

/** Of a schedule that was never paused and has not fired. */
const absent = { name: null, owner: null, processor: null, next_at: null, paused_from: null, last_at: null };

type ScheduleRow = Record<string, string | number | null>;

export function sqliteSchedules({ read, write, writeEach }: SqliteAccess): Schedules {
  const advance = writeEach((db, { id, from, ...turn }: Advance) => {
    const { next_at: to = null, last_at = null, last_error } = turn;
    return change(db, setTurn, { id, from, to, last_at, last_error: textOf(last_error) ?? null });
  });
  return {
    insert: write((db, schedule, countMax) => {
      const { id } = schedule;
      const there = one<ScheduleRow>(db, byId, { id });
      if (there) return scheduleOf(there);
      const { count } = one<{ count: number }>(db, "SELECT count(*) AS count FROM schedules", {}) as {
        count: number;
      };
      if (count >= countMax) return null;
      change(db, insert, { ...absent, ...scheduleFields(schedule) });
      return schedule;
    }),
    get: read((db, id) => {
      const row = one<ScheduleRow>(db, byId, { id });
      return row && scheduleOf(row);
    }),
    list: read((db, { owner = null, before = "~", limit }) => {
      const sql = `SELECT ${withoutPayload} FROM schedules
                   WHERE id < $before AND ($owner IS NULL OR owner = $owner) ORDER BY id DESC LIMIT $limit`;
      return all<ScheduleRow>(db, sql, { owner, before, limit }).map(scheduleOf);
    }),
    due: read((db, page) => {
      const sql = "SELECT * FROM schedules WHERE next_at <= $until ORDER BY next_at LIMIT $limit";
      return all<ScheduleRow>(db, sql, page).map(scheduleOf);
    }),
    setDue: write((db, id, from, to) => {
      const { next_at = null, paused_from = null } = from;
      const next = { to_next_at: to.next_at ?? null, to_paused_from: to.paused_from ?? null };
      return change(db, setDue, { id, next_at, paused_from, ...next }) === 1;
    }),
    async advance(turns) {
      return (await advance(turns)).reduce((sum, changed) => sum + changed, 0);
    },
    remove: write((db, id) => void change(db, "DELETE FROM schedules WHERE id = $id", { id })),
  };
}

function scheduleOf(row: ScheduleRow): Schedule {
  return parsedSchedule(recordOf(row));
}
