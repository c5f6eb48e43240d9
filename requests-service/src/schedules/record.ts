import { derivedId, limits, type NewRequest, type ScheduleRecord } from "@sate/contracts";
import { type Execution, executionRecordOf } from "../executions/execution.ts";
import { nextInstants } from "./cron.ts";
import type { Schedule } from "./port.ts";

/** The label of the requests that a schedule creates. Its value is the id of the schedule. */
const scheduleLabel = "sate.schedule";

/**
 * The ids of the firing of a schedule for an instant. They follow from both, so any number of processes create it once.
 */
export function firingIds(
  schedule: { id: string },
  at: number,
): { request_id: string; execution_id: string } {
  return {
    request_id: derivedId(at, schedule.id, "request"),
    execution_id: derivedId(at, schedule.id, "execution"),
  };
}

/** The request of a firing, with its execution. It has no failures yet, so any `max_failures` admits it. */
export function firingOf(schedule: Schedule, at: number): NewRequest {
  const { request_id: id, execution_id } = firingIds(schedule, at);
  const { id: schedule_id, payload_json, processor, labels } = schedule;
  return {
    ...{ id, payload_json, ...(processor !== undefined && { processor }) },
    labels: { ...labels, [scheduleLabel]: schedule_id },
    start: { execution_id, max_failures: 1 },
  };
}

/** A schedule without what only the store knows. `execution`: that of its last firing, which is left out if it was removed. */
export function scheduleRecordOf(
  schedule: Omit<Schedule, "payload_json"> & { payload_json?: string },
  execution?: Execution,
): ScheduleRecord {
  const { id, name, owner, cron, time_zone, missed, payload_json, processor, labels } = schedule;
  const { creation_date, next_at, paused_from, last_at, last_error } = schedule;
  return {
    ...{ id, ...(name !== undefined && { name }), ...(owner !== undefined && { owner }) },
    ...{ cron, time_zone, missed, creation_date },
    request: {
      ...(payload_json !== undefined && { payload_json }),
      ...(processor !== undefined && { processor }),
      ...(labels && { labels }),
    },
    paused: paused_from !== undefined,
    next: next_at === undefined ? [] : nextInstants(schedule, next_at - 1, limits.nextFirings),
    ...(last_at !== undefined && {
      last: {
        ...{ at: last_at, ...firingIds(schedule, last_at) },
        ...(execution && execution.status !== "removed" && { execution: executionRecordOf(execution) }),
      },
    }),
    ...(last_error && { last_error }),
  };
}
