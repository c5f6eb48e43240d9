import { type Static, Type } from "@sinclair/typebox";
import { ExecutionError } from "../../values/execution.ts";
import { Uuid } from "../../values/ids.ts";
import { limits } from "../../values/limits.ts";
import { open } from "../../values/object.ts";
import { Timestamp } from "../../values/time.ts";
import { ExecutionRecord, NewRequest } from "./records.ts";
import { Instant, tagged } from "./schema.ts";

/** `skip`: a firing that was missed does not happen. `last`: the latest that was missed happens, late. */
export const Missed = Type.Union([Type.Literal("skip"), Type.Literal("last")]);
export type Missed = Static<typeof Missed>;

/** The request that each firing creates. */
const request = Type.Omit(NewRequest, ["id", "start", "key"]);

const written = {
  id: Uuid,
  name: Type.Optional(Type.String({ maxLength: limits.scheduleNameCharsMax })),
  /** The name of the API key that created it. */
  owner: Type.Optional(Type.String()),
  cron: Type.String({ minLength: 1, maxLength: limits.cronCharsMax }),
  /** Of the IANA time zone database. Never empty: that would be the time zone of the process. */
  time_zone: Type.String({ minLength: 1, maxLength: limits.timeZoneCharsMax }),
  missed: Missed,
};

export const NewSchedule = Type.Object({ ...written, request }, open);
export type NewSchedule = Static<typeof NewSchedule>;

export const ScheduleRecord = Type.Object(
  {
    ...written,
    /** Without its payload in lists. */
    request: Type.Composite(
      [Type.Omit(request, ["payload_json"]), Type.Object({ payload_json: Type.Optional(Type.String()) })],
      open,
    ),
    creation_date: Timestamp,
    paused: Type.Boolean(),
    /** The next firings, at most `limits.nextFirings`. None while it is paused. */
    next: Type.Array(Instant),
    last: Type.Optional(
      Type.Object(
        {
          /** The scheduled instant. */
          at: Instant,
          request_id: Uuid,
          execution_id: Uuid,
          /** Only of a single schedule, and only while it exists. */
          execution: Type.Optional(ExecutionRecord),
        },
        open,
      ),
    ),
    /** Why the latest firing, scheduled at `at`, created nothing; absent if it did. */
    last_error: Type.Optional(Type.Composite([ExecutionError, Type.Object({ at: Instant })], open)),
  },
  open,
);
export type ScheduleRecord = Static<typeof ScheduleRecord>;

/** With `owner`, only a schedule of this owner is found. */
const one = Type.Object({ schedule_id: Uuid, owner: Type.Optional(Type.String()) }, open);
const found = Type.Union([
  Type.Object({ kind: Type.Literal("found"), schedule: ScheduleRecord }, open),
  tagged("unknown_schedule"),
]);

/** Schedules: requests that are created and executed again and again. */
export const scheduleOperations = {
  createSchedule: {
    path: "/internal/schedules/create",
    body: NewSchedule,
    /** `full`: there are `limits.schedulesMax` already. */
    response: Type.Union([
      Type.Object({ kind: Type.Literal("created"), schedule: ScheduleRecord }, open),
      tagged("invalid_cron"),
      tagged("unknown_time_zone"),
      tagged("never_fires"),
      tagged("full"),
    ]),
  },
  getSchedule: { path: "/internal/schedules/get", body: one, response: found },
  /** Newest first. `before` is the last id of the previous page. */
  listSchedules: {
    path: "/internal/schedules/list",
    body: Type.Object(
      {
        owner: Type.Optional(Type.String()),
        limit: Type.Integer({ minimum: 1, maximum: limits.pageMax }),
        before: Type.Optional(Uuid),
      },
      open,
    ),
    response: Type.Object({ schedules: Type.Array(ScheduleRecord), more: Type.Boolean() }, open),
  },
  /** A firing whose instant has come by the response may still happen; no later one does. */
  pauseSchedule: { path: "/internal/schedules/pause", body: one, response: found },
  /** What was missed meanwhile is skipped or made up for, as the schedule says. */
  resumeSchedule: { path: "/internal/schedules/resume", body: one, response: found },
  /** As `pauseSchedule`. What the schedule has created stays. A retry after a deletion finds no schedule. */
  deleteSchedule: {
    path: "/internal/schedules/delete",
    body: one,
    response: Type.Union([tagged("deleted"), tagged("unknown_schedule")]),
  },
} as const;
