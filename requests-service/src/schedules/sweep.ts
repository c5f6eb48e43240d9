import type { NewRequest, RequestAdmission, RequestsApi } from "@sate/contracts";
import type { Ports } from "../ports.ts";
import type { Advance, Schedule } from "./port.ts";
import { firingOf } from "./record.ts";
import { type Turn, turnOf } from "./turn.ts";

/** Held in memory at once, with their payloads. */
const pageSize = 16;
/** More than all schedules take, with two firings each. */
const pagesPerSweep = 200;

/**
 * One sweep over the schedules that are due. A firing is created first, with its execution, under ids that follow from the
 * schedule and the scheduled instant; only then does the schedule advance, if it still stands at that instant. So any
 * number of sweepers, of crashes and of clocks that are off create each firing once. Costs one indexed query while nothing
 * is due. Rejects when the database does not respond; the next sweep continues.
 */
export function createScheduleSweep(
  { store, counters, log }: Pick<Ports, "store" | "counters" | "log">,
  createRequests: RequestsApi["createRequests"],
): (stopping: AbortSignal) => Promise<void> {
  /** The result of each firing. */
  async function fire(requests: NewRequest[]): Promise<RequestAdmission[]> {
    return requests.length === 0 ? [] : (await createRequests({ requests })).answers;
  }

  async function takeTurns(page: Schedule[], now: number): Promise<void> {
    const turns = page.map((schedule) => {
      const from = schedule.next_at as number;
      return { schedule, from, ...turnOf({ ...schedule, next_at: from }, now) };
    });
    const firing = turns.filter(isFiring);
    const answers = await fire(firing.map(({ schedule, fires }) => firingOf(schedule, fires)));
    const fired: Advance[] = [];
    const refused: Advance[] = [];
    for (const [index, { schedule, from, fires, next_at }] of firing.entries()) {
      const error = errorOf(answers[index] as RequestAdmission);
      const advance = { id: schedule.id, from, next_at };
      if (error === null) fired.push({ ...advance, last_at: fires });
      else {
        refused.push({ ...advance, last_error: { at: fires, ...error } });
        log.warn("a schedule could not create its request", { schedule_id: schedule.id, code: error.code });
      }
    }
    const passed = turns
      .filter(({ fires }) => fires === null)
      .map(({ schedule: { id }, from, next_at }) => ({ id, from, next_at }));
    counters.add("schedules_fired", await store.schedules.advance(fired));
    counters.add("schedules_refused", await store.schedules.advance(refused));
    counters.add("schedules_missed", await store.schedules.advance(passed));
  }

  return async (stopping) => {
    for (let pages = 0; pages < pagesPerSweep && !stopping.aborted; pages++) {
      const now = store.now();
      const page = await store.schedules.due({ until: now, limit: pageSize });
      if (page.length === 0) return;
      await takeTurns(page, now);
    }
  };
}

function isFiring<T extends Turn>(turn: T): turn is T & { fires: number } {
  return turn.fires !== null;
}

/** Why a firing created nothing; `null` if it did, now or before, even if that has been removed since. */
function errorOf(answer: RequestAdmission): { code: string; message: string } | null {
  const { kind } = answer.kind === "created" && answer.admission ? answer.admission : answer;
  if (kind === "created" || kind === "removed") return null;
  const message =
    kind === "unknown_processor"
      ? "No worker has announced the processor of the request, or it was withdrawn."
      : "The request of the firing was refused.";
  return { code: kind, message };
}
