import { formatTimestamp, limits, type ScheduleRecord } from "@sate/contracts";
import type { Requests } from "../../src/ports.ts";

/** The schedules of requests-service in memory. They never fire. */
export function fakeSchedules() {
  const schedules = new Map<string, ScheduleRecord>();

  function find({ schedule_id, owner }: { schedule_id: string; owner?: string }): ScheduleRecord | undefined {
    const schedule = schedules.get(schedule_id);
    return owner === undefined || schedule?.owner === owner ? schedule : undefined;
  }
  const unknown = { kind: "unknown_schedule" as const };

  function change(ref: Parameters<typeof find>[0], paused?: boolean) {
    const schedule = find(ref);
    if (!schedule) return unknown;
    if (paused !== undefined) Object.assign(schedule, { paused, next: paused ? [] : following(schedule) });
    return { kind: "found" as const, schedule };
  }

  const work = {
    createSchedule: (wanted) => {
      if (!isCron({ cron: "* * * * *", time_zone: wanted.time_zone })) return { kind: "unknown_time_zone" };
      if (!isCron(wanted)) return { kind: "invalid_cron" };
      const next = following(wanted);
      if (next.length === 0) return { kind: "never_fires" };
      if (!schedules.has(wanted.id) && schedules.size >= limits.schedulesMax) return { kind: "full" };
      const schedule = schedules.get(wanted.id) ?? {
        ...wanted,
        ...{ creation_date: formatTimestamp(0), paused: false, next },
      };
      schedules.set(wanted.id, schedule);
      return { kind: "created", schedule };
    },
    getSchedule: (ref) => change(ref),
    listSchedules: ({ owner, limit, before }) => {
      const found = [...schedules.values()]
        .filter((one) => owner === undefined || one.owner === owner)
        .filter(({ id }) => before === undefined || id < before)
        .sort((a, b) => (a.id < b.id ? 1 : -1))
        .map(({ request: { payload_json: _, ...request }, ...schedule }) => ({ ...schedule, request }));
      return { schedules: found.slice(0, limit), more: found.length > limit };
    },
    pauseSchedule: (ref) => change(ref, true),
    resumeSchedule: (ref) => change(ref, false),
    deleteSchedule: (ref) => {
      const schedule = find(ref);
      if (!schedule) return unknown;
      schedules.delete(schedule.id);
      return { kind: "deleted" };
    },
  } satisfies { [name in keyof Requests]?: (body: Parameters<Requests[name]>[0]) => unknown };

  return { schedules, work };
}

type Rhythm = { cron: string; time_zone: string };

function following({ cron, time_zone: tz }: Rhythm): number[] {
  const found: number[] = [];
  let next: Date | null = new Date();
  while (found.length < limits.nextFirings) {
    next = Bun.cron.parse(cron, next, { tz });
    if (next === null) break;
    found.push(next.getTime());
  }
  return found;
}

function isCron({ cron, time_zone: tz }: Rhythm): boolean {
  try {
    Bun.cron.parse(cron, 0, { tz });
    return true;
  } catch {
    return false;
  }
}
