import {
  type CreateSchedule,
  type JsonText,
  limits,
  type NewSchedule,
  type ScheduleRecord,
} from "@sate/contracts";
import { Refusal } from "../http/problem-response.ts";
import type { Ports } from "../ports.ts";
import type { RequestCheck } from "../processors/check-request.ts";

/**
 * Stores a schedule. Rejects with a refusal that says why not: the request that it would create is checked as
 * `POST /requests` checks one. `owner`: the name of the API key, if keys are required.
 */
export function createCreateSchedule(
  parts: Pick<Ports, "requests" | "newId" | "counters"> & { checkRequest: RequestCheck },
) {
  const { requests, newId, counters, checkRequest } = parts;

  return async (body: CreateSchedule, owner: string | undefined): Promise<ScheduleRecord> => {
    const { name, cron, time_zone = "UTC", missed = "skip", request } = body;
    const { payload, ...rest } = request;
    const payload_json = payload as JsonText;
    if (rest.processor !== undefined) await checkRequest(rest.processor, payload_json);
    const schedule: NewSchedule = {
      ...{ id: newId(), cron, time_zone, missed, request: { ...rest, payload_json } },
      ...(name !== undefined && { name }),
      ...(owner !== undefined && { owner }),
    };
    const created = await requests.createSchedule(schedule);
    if (created.kind !== "created") throw refusals[created.kind]();
    counters.add("schedules_created");
    return created.schedule;
  };
}

const invalid = (field: string, detail: string) => () => new Refusal("invalid-body", detail, { field });

const refusals = {
  invalid_cron: invalid(
    "cron",
    "The field `cron` is not a cron expression. Send five fields: minute, hour, day of the month, month and day of the week. Each is `*`, or numbers, lists such as 1,15, ascending ranges such as MON-FRI and steps such as */15. Or send @hourly, @daily, @weekly, @monthly or @yearly.",
  ),
  unknown_time_zone: invalid(
    "time_zone",
    "The field `time_zone` is not a time zone of the IANA database. Send a name such as Europe/Berlin, not an offset such as +02:00.",
  ),
  never_fires: invalid(
    "cron",
    "The schedule would never fire: there is no such date. Change the field `cron`.",
  ),
  full: () =>
    new Refusal(
      "too-many-schedules",
      `There are ${limits.schedulesMax} schedules, which is the maximum. Delete one that is no longer needed.`,
    ),
};
