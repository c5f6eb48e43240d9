import { type Evidence, executionsByRequest, invariant, isRemoved } from "../evidence/evidence.ts";
import { hooked } from "../load/subscriptions.ts";

const minuteMs = 60_000;
/** A schedule is owed a minute in which a process was ready for so long, before it counts as missed. */
const healthyMs = 15_000;
const lateMsMax = minuteMs - 5_000;

/** The instant in a UUIDv7, in ms since 1970. Sate gives a firing the instant for which it was scheduled. */
const instantOf = (id: string) => Number.parseInt(id.replace("-", "").slice(0, 12), 16);

/** The minutes for which the schedule existed, and some process could have fired in time. */
function owedMinutes({ schedule, healthy, isScheduleClockTrue }: Evidence): number[] {
  const { fromMs, toMs } = schedule;
  const owed: number[] = [];
  for (let at = Math.ceil(fromMs / minuteMs) * minuteMs; at + lateMsMax <= toMs; at += minuteMs) {
    const couldFire = healthy.some(
      (one) => Math.min(one.toMs, at + lateMsMax) - Math.max(one.fromMs, at) >= healthyMs,
    );
    if (couldFire && isScheduleClockTrue) owed.push(at);
  }
  return owed;
}

/** Whether the execution is delivered to the webhook. */
const isHooked = ({ history }: Evidence, requestId: string) =>
  history.requests.get(requestId)?.labels?.hooked === hooked.hooked;

/** Schedules, dead letters and webhooks. */
export const operations = [
  invariant(
    24,
    "each minute of the schedule fires at most once, and if a process was healthy, once",
    (evidence, violation) => {
      const firings = evidence.dump.requests.filter(({ payload }) => payload === evidence.schedule.payload);
      const executions = executionsByRequest(evidence);
      const minutes = Map.groupBy(firings, ({ id }) => instantOf(id));
      for (const [minute, own] of minutes) {
        // Replays of dead letters have keys.
        const counts = own.map(({ id }) => (executions.get(id) ?? []).filter((one) => !one.key_hash).length);
        if (counts.join() !== "1")
          violation(`${new Date(minute).toISOString()} has ${own.length} requests with ${counts} executions`);
      }
      const owed = owedMinutes(evidence);
      for (const minute of owed)
        if (!minutes.has(minute)) violation(`${new Date(minute).toISOString()} did not fire`);
      return [firings.length, `${owed.length} were owed`];
    },
  ),

  invariant(25, "a replayed dead letter has one execution", (evidence, violation) => {
    const { journal, dump } = evidence;
    const stored = new Set(dump.executions.map(({ id }) => id));
    for (const [letter, own] of Map.groupBy(journal.replays, ({ deadLetterId }) => deadLetterId)) {
      const ids = new Set(own.map(({ executionId }) => executionId));
      if (ids.size > 1) violation(`replays of ${letter} started ${[...ids].join(" and ")}`);
      for (const id of ids) if (!stored.has(id)) violation(`the replay ${id} of ${letter} is not stored`);
    }
    return journal.replays.length;
  }),

  invariant(27, "each outcome that the webhook asks for is delivered, signed", (evidence, violation) => {
    const { webhook, dump, history } = evidence;
    webhook.forged.forEach(violation);
    const delivered = Map.groupBy(webhook.delivered, ({ executionId }) => executionId);
    const stored = new Map(dump.executions.map((execution) => [execution.id, execution]));
    const ended = dump.executions
      .filter((one) => !isRemoved(one))
      .map(({ id, request_id }) => [id, request_id] as const);
    const told = history.executions.map(({ executionId, requestId }) => [executionId, requestId] as const);
    const owed = [...new Map([...ended, ...told])].filter(([, requestId]) => isHooked(evidence, requestId));
    for (const [id] of owed) if (!delivered.has(id)) violation(`the end of ${id} was not delivered`);
    for (const [id, calls] of delivered) {
      const execution = stored.get(id);
      if (execution === undefined) violation(`the end of ${id} was delivered, which is not stored`);
      else if (!isRemoved(execution) && calls.some(({ status }) => status !== execution.status))
        violation(`${id} is ${execution.status}, and was delivered as ${calls.map(({ status }) => status)}`);
      if (new Set(calls.map((call) => call.id)).size > 1)
        violation(`the deliveries of ${id} have several ids`);
      if (
        execution &&
        !isHooked(evidence, execution.request_id) &&
        history.requests.has(execution.request_id)
      )
        violation(`the end of ${id} was delivered, which the webhook does not ask for`);
    }
    return [owed.length, `${webhook.delivered.length} calls`];
  }),
];
