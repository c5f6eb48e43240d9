import { type Static, Type } from "@sinclair/typebox";
import { ExecutionError, ExecutionStatus } from "../values/execution.ts";
import { Uuid } from "../values/ids.ts";
import { labelValuePattern } from "../values/labels.ts";
import { limits } from "../values/limits.ts";
import { closed, open } from "../values/object.ts";
import { Timestamp } from "../values/time.ts";
import { page } from "./page.ts";
import { CreateRequest, Payload } from "./requests.ts";

/** The bodies of schedules in the public REST API. */

const missed = Type.Union([Type.Literal("skip"), Type.Literal("last")], {
  description:
    "What becomes of firings that were missed by more than a minute, because no server ran, the schedule was paused, or the clock jumped: skip (the default), or last, which makes up for the latest of them.",
});

/** The fields of a new request that a schedule keeps. Its requests are always executed. */
const { execute: _, ...createRequest } = CreateRequest.properties;
const { payload: __, ...withoutPayload } = createRequest;

export const CreateSchedule = Type.Object(
  {
    cron: Type.String({
      minLength: 1,
      maxLength: limits.cronCharsMax,
      description:
        "A cron expression: minute, hour, day of the month, month and day of the week, such as `0 9 * * MON-FRI`; or @hourly, @daily, @weekly, @monthly or @yearly.",
    }),
    time_zone: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: limits.timeZoneCharsMax,
        description: "The IANA time zone of the expression, such as Europe/Berlin. UTC if absent.",
      }),
    ),
    request: Type.Object(createRequest, {
      ...closed,
      description: "The processing request that every firing creates and executes.",
    }),
    missed: Type.Optional(missed),
    name: Type.Optional(
      Type.String({
        pattern: labelValuePattern,
        minLength: 1,
        maxLength: limits.scheduleNameCharsMax,
        description: "A name for people. It need not be unique.",
      }),
    ),
  },
  { ...closed, description: "A schedule." },
);
export type CreateSchedule = Static<typeof CreateSchedule>;

const instant = (description: string) => Type.String({ ...Timestamp, description: `${description} In UTC.` });

const summary = {
  id: Uuid,
  name: Type.Optional(Type.String()),
  owner: Type.Optional(Type.String({ description: "The name of the API key that created the schedule." })),
  cron: Type.String(),
  time_zone: Type.String(),
  missed,
  creation_date: Timestamp,
  paused: Type.Boolean(),
  next_firings: Type.Array(instant("The time of a firing."), {
    maxItems: limits.nextFirings,
    description: "The next firings. Empty while the schedule is paused.",
  }),
  last_firing: Type.Optional(
    Type.Object(
      {
        scheduled_at: instant("The time for which the firing was scheduled."),
        request_uri: Type.String({ description: "The URI of the processing request." }),
        execution_uri: Type.String({ description: "The URI of its execution." }),
        status: Type.Optional(ExecutionStatus),
        error: Type.Optional(ExecutionError),
      },
      { ...open, description: "The last firing that created a request. Absent before the first." },
    ),
  ),
  last_error: Type.Optional(
    Type.Object(
      {
        scheduled_at: instant("The time for which the firing was scheduled."),
        ...ExecutionError.properties,
      },
      { ...open, description: "Why the latest firing created nothing. Absent if it did." },
    ),
  ),
};

const request = (fields: object) => Type.Object({ ...withoutPayload, ...fields }, open);

export const Schedule = Type.Object({ ...summary, request: request({ payload: Payload }) }, open);
/** Without the payload. The status of the last firing is shown only by a single schedule. */
const ScheduleSummary = Type.Object({ ...summary, request: request({}) }, open);
export const SchedulePage = page("schedules", ScheduleSummary);
