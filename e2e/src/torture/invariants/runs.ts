import { keyOfRun, type Run, type RunEvent, runsOf } from "../../runs/run-log.ts";
import {
  type Evidence,
  executionsByRequest,
  invariant,
  isFinal,
  isRemoved,
  type Stall,
} from "../evidence/evidence.ts";

const forever = 2n ** 63n;

/**
 * Runs until their ends. One without an end lasted until its process could not write the end, or until its process was
 * last seen alive. Any other lasts forever.
 */
function intervalsOf(events: RunEvent[], { lastAlive, fullDisks }: Evidence): (Run & { to: bigint })[] {
  return runsOf(events).map((run) => {
    const { startedAt, endedAt } = run;
    const died = lastAlive.get(keyOfRun(run)) ?? forever;
    const full = fullDisks.find((one) => isOf(run, one) && one.toNs > startedAt && one.fromNs < died);
    return { ...run, to: endedAt ?? full?.fromNs ?? died };
  });
}

/** Whether a stall hit the run: its own process or the service that started it. */
const isOf = ({ pid, host }: Run, stall: Stall) => stall.pid === pid || stall.pid === host;

const nameOf = ({ epoch, execution_id }: Run) => `run ${epoch} of ${execution_id}`;

/** When runs may start, overlap and count. */
export const runs = [
  invariant(3, "one active execution per request", ({ twoActive, snapshots }, violation) => {
    for (const id of twoActive) violation(`request ${id} had two active executions`);
    return snapshots;
  }),

  // The process of a run goes on while the service that started it is frozen. This excuses at most its concurrency in
  // overlaps. Nothing else does: a handler that ignores its signal is killed.
  invariant(4, "runs of one request do not overlap", (evidence, violation) => {
    const { stalls, concurrency } = evidence;
    let excused = 0;
    const byRequest = Map.groupBy(evidence.runs, ({ request_id }) => request_id);
    for (const [requestId, events] of byRequest) {
      const intervals = intervalsOf(events, evidence).sort((a, b) => (a.startedAt < b.startedAt ? -1 : 1));
      for (const [at, later] of intervals.entries()) {
        for (const earlier of intervals.slice(0, at).filter(({ to }) => to > later.startedAt)) {
          const { startedAt, to } = earlier;
          if (stalls.some((one) => isOf(earlier, one) && one.fromNs < to && one.toNs > startedAt)) excused++;
          else violation(`request ${requestId}: ${nameOf(later)} started before ${nameOf(earlier)} ended`);
        }
      }
    }
    const most = stalls.length * concurrency;
    if (excused > most) violation(`${excused} overlaps by frozen processes, more than ${most}`);
    return [byRequest.size, `${excused} excused by a freeze`];
  }),

  invariant(5, "nothing runs after its end, or is executed after a success", (evidence, violation) => {
    const stored = new Map(evidence.dump.executions.map((execution) => [execution.id, execution]));
    // The earliest read of a final status decides.
    const final = evidence.history.seen.filter(({ status }) => isFinal(status)).reverse();
    const finalAt = new Map(final.map(({ executionId, atNs }) => [executionId, atNs]));
    const starts = Map.groupBy(
      evidence.runs.filter(({ event }) => event === "start"),
      ({ execution_id }) => execution_id,
    );
    for (const [id, own] of starts) {
      const execution = stored.get(id);
      if (!execution) violation(`${id} ran and is not stored`);
      if (new Set(own.map(({ epoch }) => epoch)).size < own.length)
        violation(`${id} ran twice under one epoch`);
      for (const { epoch, monotonic_ns } of own) {
        if (execution && epoch > execution.epoch)
          violation(`${id} ran under epoch ${epoch}, stored is ${execution.epoch}`);
        if (BigInt(monotonic_ns) > (finalAt.get(id) ?? forever))
          violation(`${id} ran after a client had read its final status`);
      }
    }
    for (const [id, own] of executionsByRequest(evidence)) {
      const success = own.findIndex(({ status }) => status === "succeeded");
      if (success >= 0 && success < own.length - 1) violation(`request ${id} was executed after its success`);
    }
    return starts.size;
  }),

  invariant(11, "only the outcome of the last run is published", ({ dump, counters }, violation) => {
    const stored = new Map(dump.executions.map((execution) => [execution.id, execution]));
    let checked = 0;
    for (const { topic, value } of dump.records) {
      const record = parsed(value);
      const execution = stored.get(record?.execution?.id ?? "");
      if (!execution || isRemoved(execution) || typeof record?.is_success !== "boolean") continue;
      checked++;
      if (record.id !== execution.result_id)
        violation(`${topic} has an outcome of ${execution.id} that is not stored`);
    }
    return [checked, `${counters.finishes_refused ?? 0} refused`];
  }),
];

type Recorded = { id?: unknown; attempt?: unknown; processing_request?: { id?: unknown } };

/** A record of an execution or an outcome, as far as it can be read. */
export function parsed(
  text: string | null,
): (Recorded & { is_success?: unknown; execution?: Recorded & { id?: string } }) | null {
  try {
    return JSON.parse(text ?? "null");
  } catch {
    return null;
  }
}
