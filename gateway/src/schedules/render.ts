import { formatTimestamp, type JsonText, jsonObject, type ScheduleRecord, toJson } from "@sate/contracts";
import { texts } from "../http/render.ts";
import type { Uris } from "../http/uris.ts";

/** A schedule as public JSON. Its payload is embedded as text, and left out in lists. */
export function scheduleView(uris: Uris, schedule: ScheduleRecord): JsonText {
  const { id, name, owner, cron, time_zone, missed, request, creation_date, paused, next } = schedule;
  const { payload_json: payload, ...fields } = request;
  const rest = {
    ...{ name, owner, cron, time_zone, missed, creation_date, paused },
    next_firings: next.map(formatTimestamp),
    last_firing: schedule.last && lastFiring(uris, schedule.last),
    last_error: schedule.last_error && lastError(schedule.last_error),
  };
  return jsonObject({ id: toJson(id), ...texts(rest), request: jsonObject({ payload, ...texts(fields) }) });
}

function lastFiring(uris: Uris, { at, request_id, execution_id, execution }: Last) {
  return {
    scheduled_at: formatTimestamp(at),
    request_uri: uris.request(request_id),
    execution_uri: uris.execution(request_id, execution_id),
    ...(execution && { status: execution.status, error: execution.error }),
  };
}
type Last = NonNullable<ScheduleRecord["last"]>;

function lastError({ at, code, message }: NonNullable<ScheduleRecord["last_error"]>) {
  return { scheduled_at: formatTimestamp(at), code, message };
}
