import type { History } from "../../clients/history.ts";
import type { RunEvent } from "../../runs/run-log.ts";

export type StoredExecution = {
  request_id: string;
  attempt: number;
  id: string;
  status: string;
  epoch: number;
  lost: number;
  mark?: string | null;
  result_id?: string | null;
  outputs?: string | null;
};

export type StoredResult = {
  id: string;
  request_id: string;
  attempt: number;
  execution_id: string;
  is_success: boolean;
  outputs: string;
  payload: string;
};

export type StoredDeadLetter = {
  _id: string;
  reason: string | null;
  origin_topic: string | null;
  key: string | null;
  /** Base64. */
  value: string | null;
  headers: string;
};

export type TopicRecord = {
  topic: string;
  partition: number;
  offset: string;
  key: string | null;
  value: string | null;
};

export type Dump = {
  requests: { id: string; payload: string }[];
  executions: StoredExecution[];
  results: StoredResult[];
  deadLetters: StoredDeadLetter[];
  /** Refused attempts that are still to be published. */
  refusals: { request_id: string; id: string }[];
  records: TopicRecord[];
};

/** A malformed record that the nemesis wrote. `excused`: it was taken away soon after. `at` by `performance.now()`. */
export type Malformed = {
  topic: string;
  at: number;
  value: string | null;
  headers: Record<string, string>;
  excused: boolean;
};

/** A process that stood still: its runs may overlap with those of its successor. */
export type Stall = { pid: number; fromNs: bigint; toNs: bigint };

/** A time in which a process could write no file, so that the end of a run may be missing in the handlers' log. */
export type FullDisk = Stall;

export type Evidence = {
  history: History;
  dump: Dump;
  runs: RunEvent[];
  malformed: Malformed[];
  stalls: Stall[];
  fullDisks: FullDisk[];
  /** When a process that is gone was last seen alive, by its pid. */
  lastAlive: Record<number, string>;
  /** Committed records of which the databases did not know at that moment, and how many were looked at. */
  committed: { looked: number; unknown: string[] };
  faultsDone: number;
  /** What was promised about a fault, and not kept. */
  broken: string[];
  /** Processes that were not ready for too long after the heal, or after their start. */
  stuck: string[];
  usage: { name: string; pid: number; samples: { ageMs: number; bytes: number; handles: number }[] }[];
  /** Processes that were still there when all had been stopped. */
  orphans: string[];
  /** How many times the wall clock of a process was set. */
  clocksSet: number;
  /** Requests that had two active executions at once when the database was looked at, and were looked at again. */
  twoActive: string[];
  snapshots: number;
  counters: Record<string, number>;
  /** After every group was reset to its first offset: what ran, and what had changed. */
  replay: { wasDone: boolean; runs: number; changes: string[] };
  /** From the end of the faults until everything was final and read, or null if it never was. */
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
  /** What it looked at: a check that looked at nothing has shown nothing. */
  checked: number;
  violations: string[];
  note?: string;
};

export type Invariant = (evidence: Evidence) => Check;

export const isFinal = (status: string) => status !== "queued" && status !== "running";

export function executionsByRequest({ dump }: Evidence): Map<string, StoredExecution[]> {
  const by = Map.groupBy(dump.executions, ({ request_id }) => request_id);
  for (const own of by.values()) own.sort((a, b) => a.attempt - b.attempt);
  return by;
}
