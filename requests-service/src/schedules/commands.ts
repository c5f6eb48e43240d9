import { formatTimestamp, limits, type RequestsApi, Unavailable } from "@sate/contracts";
import type { Ports } from "../ports.ts";
import { nextInstant, rhythmProblem } from "./cron.ts";
import type { Due, Schedule } from "./port.ts";
import { firingIds, scheduleRecordOf } from "./record.ts";
import { turnOf } from "./turn.ts";

/** A round is lost if the schedule fired meanwhile. This many in a row do not happen. */
const roundsMax = 20;

type Ref = { schedule_id: string; owner?: string };

/** Creating, reading, pausing and deleting schedules. */
export function scheduleCommands({ store, clock }: Pick<Ports, "store" | "clock">) {
  async function find({ schedule_id, owner }: Ref): Promise<Schedule | null> {
    const schedule = await store.schedules.get(schedule_id);
    return owner === undefined || schedule?.owner === owner ? schedule : null;
  }

  async function foundOf(schedule: Schedule) {
    const { last_at } = schedule;
    const request_id = last_at === undefined ? null : firingIds(schedule, last_at).request_id;
    const executions = request_id === null ? [] : await store.executions.get([{ request_id, attempt: 1 }]);
    return { kind: "found", schedule: scheduleRecordOf(schedule, executions[0]) } as const;
  }

  /** `change`: the new instant; `null` if there is nothing to change. */
  async function changeDue(ref: Ref, change: (schedule: Schedule) => Due | null) {
    for (let round = 0; round < roundsMax; round++) {
      const schedule = await find(ref);
      if (!schedule) return { kind: "unknown_schedule" } as const;
      const due = change(schedule);
      if (due === null) return foundOf(schedule);
      const { id, next_at, paused_from } = schedule;
      if (await store.schedules.setDue(id, { next_at, paused_from }, due))
        return foundOf({ ...schedule, next_at: due.next_at, paused_from: due.paused_from });
    }
    throw new Unavailable("Other calls changed the schedule too often at the same time.");
  }

  return {
    async createSchedule({ id, name, owner, cron, time_zone, missed, request }) {
      const now = store.now();
      const problem = rhythmProblem({ cron, time_zone }, now);
      if (problem !== null) return { kind: problem };
      const { payload_json, processor, labels } = request;
      const schedule: Schedule = {
        ...{ id, name, owner, cron, time_zone, missed, payload_json, processor, labels },
        creation_date: formatTimestamp(clock()),
        next_at: nextInstant({ cron, time_zone }, now) ?? undefined,
      };
      const stored = await store.schedules.insert(schedule, limits.schedulesMax);
      return stored ? { kind: "created", schedule: scheduleRecordOf(stored) } : { kind: "full" };
    },

    async getSchedule(ref) {
      const schedule = await find(ref);
      return schedule ? foundOf(schedule) : { kind: "unknown_schedule" };
    },

    async listSchedules({ owner, limit, before }) {
      const found = await store.schedules.list({ owner, before, limit: limit + 1 });
      const schedules = found.slice(0, limit).map((schedule) => scheduleRecordOf(schedule));
      return { schedules, more: found.length > limit };
    },

    pauseSchedule: (ref) =>
      changeDue(ref, ({ next_at }) => (next_at === undefined ? null : { paused_from: next_at })),

    resumeSchedule: (ref) => {
      const now = store.now();
      return changeDue(ref, ({ paused_from, ...schedule }) =>
        paused_from === undefined ? null : { next_at: resumedAt({ ...schedule, next_at: paused_from }, now) },
      );
    },

    async deleteSchedule(ref) {
      const schedule = await find(ref);
      if (!schedule) return { kind: "unknown_schedule" };
      await store.schedules.remove(schedule.id);
      return { kind: "deleted" };
    },
  } satisfies Partial<RequestsApi>;
}

/** Without what is skipped. If it waits for later, it starts afresh: the clock may have been set back meanwhile. */
function resumedAt(schedule: Schedule & { next_at: number }, now: number): number | undefined {
  if (schedule.next_at > now) return nextInstant(schedule, now) ?? undefined;
  const { fires, next_at } = turnOf(schedule, now);
  return fires === null ? next_at : schedule.next_at;
}
