import type { History } from "../../clients/history.ts";
import type { RunEvent } from "../../runs/run-log.ts";
import type { Webhook } from "../load/receiver.ts";
import type { Journal } from "./journal.ts";
import type { Usage } from "./watch.ts";

export type StoredExecution = {
  request_id: string;
  attempt: number;
  id: string;
  status: string;
  epoch: number;
  lost: number;
  tries: number;
  mark?: string | null;
  result_id?: string | null;
  outputs?: string | null;
  outcome?: string | null;
  labels?: unknown;
  /** Of the Idempotency-Key, or of the dead letter that it replays. */
  key_hash?: string | null;
  removed_at?: number | null;
};

type StoredResult = {
  id: string;
  request_id: string;
  attempt: number;
  execution_id: string;
  is_success: boolean;
  outputs: string;
  /** JSON text. */
  error?: string | null;
  /** Absent if no try has begun. */
  tries?: number | null;
  payload: string;
  /** A tombstone: what it was the result of was removed. */
  removed_at?: number | null;
};

/** Everything that databases and topics hold at one moment. */
export type Dump = {
  requests: { id: string; payload: string; labels?: unknown; removed_at?: number | null }[];
  executions: StoredExecution[];
  /** Without tombstones. */
  results: StoredResult[];
  /** A request id for each chunk of a log. */
  logs: string[];
  /** `value` is Base64. */
  deadLetters: { _id: string; reason: string | null; key: string | null; value: string | null }[];
  /** Refused attempts that are not published yet. */
  refusals: { request_id: string }[];
  records: { topic: string; partition: number; offset: string; value: string | null }[];
};

/**
 * A malformed record that the nemesis published, `at` by `performance.now()`, `value` in Base64. `excused`: its topic
 * was deleted, or its group moved past it, soon afterwards.
 */
export type Malformed = { topic: string; at: number; value: string | null; excused: boolean };

/** A process that was frozen, or could not write files: from, to, by the machine's monotonic clock. */
export type Stall = { pid: number; fromNs: bigint; toNs: bigint };

/** A time, in ms since 1970 by the clock of the machine, during which a process that fires schedules was ready. */
export type Healthy = { pid: number; fromMs: number; toMs: number };

export type Evidence = {
  history: History;
  journal: Journal;
  webhook: Webhook;
  /** From its creation to its deletion, in ms since 1970. Its payload is `payload`, and it fires every minute. */
  schedule: { payload: string; fromMs: number; toMs: number };
  healthy: Healthy[];
  /** Whether the schedule follows a clock that was never set. */
  isScheduleClockTrue: boolean;
  dump: Dump;
  runs: RunEvent[];
  malformed: Malformed[];
  /** Runs of a frozen service may overlap with those of its successor, whether they have a process of their own or not. */
  stalls: Stall[];
  /** A process that cannot write leaves no end of its runs in the handlers' log. */
  fullDisks: Stall[];
  /** Runs whose process has ended, by `keyOfRun`: when it was last seen alive. */
  lastAlive: Map<string, bigint>;
  /** Committed records that the databases did not know at that moment, and how many were checked. */
  committed: { looked: number; unknown: string[] };
  faultsDone: number;
  /** Promises about single faults that were not kept. */
  broken: string[];
  /** Processes that were not ready for too long after the heal, or after their start. */
  stuck: string[];
  usage: Usage[];
  /** Processes that outlived their service, or were still running after everything had been stopped. */
  orphans: string[];
  clocksSet: number;
  /** Requests that had two active executions in one snapshot of the database. */
  twoActive: string[];
  snapshots: number;
  counters: Record<string, number>;
  /** After every group was reset to its first offset: the runs that started, and what changed. */
  replay: { wasDone: boolean; runs: number; changes: string[] };
  /** From the end of the faults until everything was final and read, or null if that never happened. */
  restMs: number | null;
  lag: number;
  logs: { name: string; text: string }[];
  secrets: string[];
  maxFailures: number;
  concurrency: number;
};

export type Check = {
  number: number;
  name: string;
  /** How much was checked: a check of nothing proves nothing. */
  checked: number;
  violations: string[];
  note: string;
};

type Invariant = (evidence: Evidence) => Check;

/** An invariant. `check` reports each violation, and returns how much it checked, with a note for the report or without. */
export function invariant(
  number: number,
  name: string,
  check: (evidence: Evidence, violation: (text: string) => void) => number | [checked: number, note: string],
): Invariant {
  return (evidence) => {
    const violations: string[] = [];
    const checked = check(evidence, (text) => violations.push(text));
    const [count, note] = typeof checked === "number" ? [checked, ""] : checked;
    return { number, name, checked: count, violations, note };
  };
}

export const isFinal = (status: string) => status !== "queued" && status !== "running";

/** Whether it is a stub of an execution of a removed request, or the attempt by which that was removed. */
export const isRemoved = ({ status }: Pick<StoredExecution, "status">) => status === "removed";

/** The requests that are stubs. */
export const removedRequests = ({ dump }: Evidence): Set<string> =>
  new Set(dump.requests.flatMap(({ id, removed_at }) => (removed_at ? [id] : [])));

export function executionsByRequest({ dump }: Evidence): Map<string, StoredExecution[]> {
  return Map.groupBy(
    dump.executions.toSorted((a, b) => a.attempt - b.attempt),
    ({ request_id }) => request_id,
  );
}
