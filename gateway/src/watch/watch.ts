import {
  type ExecutionKey,
  type ExecutionRecord,
  type ExecutionRef,
  type ExecutionStatus,
  limits,
} from "@sate/contracts";
import type { Ports } from "../ports.ts";
import { createPoll, type Polled, type StartTimer } from "./poll.ts";

/** What is known of a watched execution. */
export type Seen = {
  execution: ExecutionRecord;
  /** It has ended, and every client can read its result. */
  isRecorded: boolean;
  /** It was removed, or its result was. */
  isGone: boolean;
};

export type Watched = {
  /** The latest state. */
  seen(): Seen;
  /** To be called if the result is recorded and cannot be read: one that was removed counts as recorded, too. */
  lookForRemoval(): void;
  stop(): void;
};

type Entry = { seen: Seen; polled: Polled | undefined; listeners: Set<() => void> };

/** What is young changes soon, and its client is waiting. */
const paces = [
  { untilMs: 1_000, everyMs: 25 },
  { untilMs: 10_000, everyMs: 100 },
];
const slowestMs = 500;

function paceMs(ageMs: number): number {
  return paces.find(({ untilMs }) => ageMs < untilMs)?.everyMs ?? slowestMs;
}

/**
 * Watches executions for clients that wait for them or stream them. Any number of clients watch one execution at the cost
 * of one. An execution is polled at requests-service until it has ended, then at results-service until its result is
 * recorded. A service that does not respond delays only what is polled there.
 */
export function createWatch(
  parts: Pick<Ports, "requests" | "results" | "monotonic" | "random" | "onRecorded"> & {
    onFailure: (error: unknown) => void;
    startTimer?: StartTimer;
  },
) {
  const { requests, results, onRecorded } = parts;
  const watched = new Map<string, Entry>();
  const states = createPoll<ExecutionRef, ExecutionRecord | null>({
    ...{ ...parts, paceMs, batchMax: limits.statesMax },
    ask: async (refs) => (await requests.executionStates({ refs })).states,
  });
  const recorded = createPoll<ExecutionKey, boolean>({
    ...{ ...parts, paceMs, batchMax: limits.confirmMax },
    ask: async (executions) => (await results.resultsRecorded({ executions })).recorded,
  });
  // Only a wake-up: whether the result is recorded is read.
  onRecorded?.((executions) => {
    for (const { execution_id } of executions) watched.get(execution_id)?.polled?.askNow();
  });

  /** Takes what was read of an execution, and polls for what comes next. */
  function take(entry: Entry, execution: ExecutionRecord): void {
    const before = entry.seen.execution;
    entry.seen = { ...entry.seen, execution };
    if (isFinal(execution.status)) pollResult(entry);
    else if (execution.status !== before.status || execution.epoch !== before.epoch) entry.polled?.restart();
    if (!Bun.deepEquals(execution, before)) ring(entry);
  }

  function pollState(entry: Entry): void {
    const { request_id, attempt, id: execution_id } = entry.seen.execution;
    entry.polled = states.add({ request_id, attempt, execution_id }, (execution) => {
      if (execution === null) goneAs(entry, entry.seen.execution);
      else take(entry, execution);
    });
  }

  function goneAs(entry: Entry, execution: ExecutionRecord): void {
    entry.polled?.stop();
    entry.seen = { ...entry.seen, execution, isGone: true };
    ring(entry);
  }

  function pollResult(entry: Entry): void {
    entry.polled?.stop();
    const { request_id, attempt } = entry.seen.execution;
    const onAnswer = (isRecorded: boolean) => {
      if (!isRecorded) return;
      entry.polled?.stop();
      entry.polled = undefined;
      entry.seen = { ...entry.seen, isRecorded };
      ring(entry);
    };
    entry.polled = recorded.add({ request_id, attempt }, onAnswer, "at once");
  }

  function pollRemoval(entry: Entry): void {
    if (entry.polled !== undefined || entry.seen.isGone) return;
    const { request_id, attempt, id: execution_id } = entry.seen.execution;
    entry.polled = states.add({ request_id, attempt, execution_id }, (execution) => {
      if (execution === null) goneAs(entry, entry.seen.execution);
      else if (execution.removed_at !== undefined) goneAs(entry, execution);
    });
  }

  function open(execution: ExecutionRecord): Entry {
    // Its result was removed: there is nothing to wait for.
    const isGone = execution.removed_at !== undefined;
    const seen = { execution, isRecorded: false, isGone };
    const entry: Entry = { seen, polled: undefined, listeners: new Set() };
    watched.set(execution.id, entry);
    if (isGone) return entry;
    if (isFinal(execution.status)) pollResult(entry);
    else pollState(entry);
    return entry;
  }

  return {
    /** `execution`: as it was read just now. Calls `onChange` whenever `seen` has changed. */
    watch(execution: ExecutionRecord, onChange: () => void): Watched {
      const known = watched.get(execution.id);
      const entry = known ?? open(execution);
      if (known !== undefined && !isFinal(known.seen.execution.status)) {
        known.polled?.restart();
        take(known, execution);
      }
      // An own function for each client.
      const listener = () => onChange();
      entry.listeners.add(listener);
      return {
        seen: () => entry.seen,
        lookForRemoval: () => pollRemoval(entry),
        stop() {
          entry.listeners.delete(listener);
          if (entry.listeners.size > 0 || watched.get(execution.id) !== entry) return;
          entry.polled?.stop();
          watched.delete(execution.id);
        },
      };
    },
    /** The number of executions that are watched. */
    size: () => watched.size,
  };
}

export type Watch = ReturnType<typeof createWatch>;

export function isFinal(status: ExecutionStatus): boolean {
  return status !== "queued" && status !== "running";
}

function ring({ listeners }: Entry): void {
  for (const listener of [...listeners]) listener();
}
