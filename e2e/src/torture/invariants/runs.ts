import type { RunEvent } from "../../runs/run-log.ts";
import { type Evidence, executionsByRequest, type Invariant, isFinal } from "../evidence/evidence.ts";

/** 3. Never two active executions of one request. */
export const oneActive: Invariant = ({ twoActive, snapshots }) => ({
  number: 3,
  name: "one active execution",
  checked: snapshots,
  violations: twoActive.map((id) => `request ${id} had two active executions`),
});

const forEver = 2n ** 63n;

type Interval = { executionId: string; epoch: number; pid: number; from: bigint; to: bigint };

/**
 * A run without an end ended when its process could not write that down, or died with its process, and lasted until that
 * was last seen alive. Any other goes on for ever.
 */
function intervalsOf(events: RunEvent[], { lastAlive, fullDisks }: Evidence): Interval[] {
  const ends = new Map<string, bigint>();
  const key = ({ execution_id, epoch, pid }: RunEvent) => `${execution_id} ${epoch} ${pid}`;
  for (const event of events) if (event.event === "end") ends.set(key(event), BigInt(event.monotonic_ns));
  return events
    .filter(({ event }) => event === "start")
    .map((event) => {
      const from = BigInt(event.monotonic_ns);
      const { execution_id: executionId, epoch, pid } = event;
      const died = lastAlive[pid] === undefined ? forEver : BigInt(lastAlive[pid]);
      const full = fullDisks.find((one) => one.pid === pid && one.toNs > from && one.fromNs < died);
      const to = ends.get(key(event)) ?? full?.fromNs ?? died;
      return { executionId, epoch, pid, from, to: to > from ? to : from };
    });
}

/**
 * 4. Runs of one request do not overlap. Excused is the run of a process that was frozen meanwhile: at most its
 * concurrency for each freeze. Handlers that ignore their abort are not looked at: nobody can end them.
 */
export const noOverlap: Invariant = (evidence) => {
  const { runs, stalls, history, concurrency } = evidence;
  const violations: string[] = [];
  let excused = 0;
  const byRequest = Map.groupBy(runs, ({ request_id }) => request_id);
  for (const [requestId, events] of byRequest) {
    if (history.requests.get(requestId)?.processor === "trial-deaf") continue;
    const intervals = intervalsOf(events, evidence).sort((a, b) => (a.from < b.from ? -1 : 1));
    for (const [at, later] of intervals.entries()) {
      for (const earlier of intervals.slice(0, at)) {
        if (earlier.to <= later.from) continue;
        const isStalled = stalls.some(
          ({ pid, fromNs, toNs }) => pid === earlier.pid && fromNs < earlier.to && toNs > earlier.from,
        );
        if (isStalled) excused++;
        else
          violations.push(
            `request ${requestId}: run ${later.epoch} of ${later.executionId} began before run ${earlier.epoch} of ${earlier.executionId} ended`,
          );
      }
    }
  }
  const most = stalls.length * concurrency;
  if (excused > most) violations.push(`${excused} overlaps by frozen processes, more than ${most}`);
  return {
    number: 4,
    name: "no overlap",
    checked: byRequest.size,
    violations,
    note: `${excused} excused by a freeze`,
  };
};

/** 5. No run after the outcome, none that the database does not know of, no execution after a success. */
export const neverAfterTheEnd: Invariant = (evidence) => {
  const { dump, runs, history } = evidence;
  const violations: string[] = [];
  const stored = new Map(dump.executions.map((execution) => [execution.id, execution]));
  const finalAt = new Map<string, bigint>();
  for (const { executionId, status, atNs } of history.seen) {
    if (isFinal(status) && !finalAt.has(executionId)) finalAt.set(executionId, atNs);
  }
  const starts = Map.groupBy(
    runs.filter(({ event }) => event === "start"),
    ({ execution_id }) => execution_id,
  );
  for (const [id, own] of starts) {
    const execution = stored.get(id);
    if (!execution) violations.push(`${id} ran and is not stored`);
    if (new Set(own.map(({ epoch }) => epoch)).size < own.length)
      violations.push(`${id} ran twice under one epoch`);
    for (const { epoch, monotonic_ns } of own) {
      if (execution && epoch > execution.epoch)
        violations.push(`${id} ran under epoch ${epoch}, stored is ${execution.epoch}`);
      const end = finalAt.get(id);
      if (end !== undefined && BigInt(monotonic_ns) > end)
        violations.push(`${id} ran after a client had read its end`);
    }
  }
  for (const [id, own] of executionsByRequest(evidence)) {
    const success = own.findIndex(({ status }) => status === "succeeded");
    if (success >= 0 && success < own.length - 1)
      violations.push(`request ${id} was executed after its success`);
  }
  return { number: 5, name: "never after success, never after the end", checked: starts.size, violations };
};

/** 11. What is stored and what was published is the outcome of the last run, and of no other. */
export const onlyTheLastRunCounts: Invariant = ({ dump, counters }: Evidence) => {
  const stored = new Map(dump.executions.map((execution) => [execution.id, execution]));
  const violations: string[] = [];
  let checked = 0;
  for (const { topic, value } of dump.records) {
    const record = parsed(value) as { id?: string; is_success?: boolean; execution?: { id?: string } } | null;
    const execution = stored.get(record?.execution?.id ?? "");
    if (!execution || typeof record?.is_success !== "boolean") continue;
    checked++;
    if (record.id !== execution.result_id) {
      violations.push(`${topic} has another outcome of ${execution.id} than the stored one`);
    }
  }
  return {
    number: 11,
    name: "only the outcome of the last run counts",
    checked,
    violations,
    note: `${counters.finishes_refused ?? 0} refused`,
  };
};

function parsed(text: string | null): unknown {
  try {
    return JSON.parse(text ?? "");
  } catch {
    return null;
  }
}
