import { limits, type Outcome, type Run, type RunRef } from "@sate/contracts";
import { failpoint } from "./failpoint.ts";
import type { Finished } from "./finisher.ts";
import { type Performance, type PerformParts, perform } from "./perform.ts";
import type { AbortReason } from "./ports.ts";
import type { Log } from "./runtime/log.ts";
import type { Counters } from "./runtime/metrics.ts";

/**
 * The runs that this process holds.
 *
 *     running ──handler ended──▶ ended ──finish answered──▶ gone
 *        └──────── aborted without an outcome ───────────────▲
 *
 * A run takes one of `concurrency` slots while its handler runs. The slot is free as soon as the handler has
 * ended, so that short handlers do not wait for the finishes of others; but a processor whose outcomes are
 * not taken must not go on for ever, so running and ended ones together are at most twice `concurrency`, and
 * never more than a heartbeat's answer can list.
 */
export type Runs = {
  /** Takes the run and starts it, unless it is held already. */
  start(run: Run, workerId: string): void;
  /** How many more runs may be taken now. */
  room(): number;
  /** Keys (`runKey`) of all that is held, and of what still runs. */
  held(): Set<string>;
  running(): Set<string>;
  /** Aborts a run that is running; does nothing to another. */
  abort(key: string, why: AbortReason): void;
  /** Aborts the running ones, of one worker or of all; resolves when their handlers have really ended. */
  abortAll(why: AbortReason, workerId?: string): Promise<void>;
  /** Resolves when nothing runs. */
  quiet(): Promise<void>;
  /** Resolves when nothing is held. */
  empty(): Promise<void>;
};

/** A run's name in maps: one execution may be run again, with a higher epoch. */
export const runKey = ({ execution_id, epoch }: Pick<RunRef, "execution_id" | "epoch">): string =>
  `${execution_id} ${epoch}`;

type Held = { run: Run; workerId: string; performance: Performance; isRunning: boolean };

export function createRuns(
  parts: PerformParts & {
    concurrency: number;
    isCurrent: (workerId: string) => boolean;
    finish: (held: { run: Run; workerId: string; outcome: Outcome }) => Promise<Finished>;
    announce: (run: Run, outcome: Outcome) => void;
    /** Called when there is more room than before. */
    onRoom: () => void;
    counters: Counters;
    log: Log;
  },
): Runs {
  const { concurrency, isCurrent, finish, announce, onRoom, counters, log } = parts;
  const heldMax = Math.min(concurrency * 2, limits.workerRunsMax);
  const held = new Map<string, Held>();
  let runningCount = 0;
  let waiters: { isOver: () => boolean; resolve: () => void }[] = [];

  function changed(): void {
    onRoom();
    for (const { isOver, resolve } of waiters) if (isOver()) resolve();
    waiters = waiters.filter(({ isOver }) => !isOver());
  }

  function until(isOver: () => boolean): Promise<void> {
    if (isOver()) return Promise.resolve();
    return new Promise((resolve) => waiters.push({ isOver, resolve }));
  }

  async function live(key: string, one: Held): Promise<void> {
    const { run, workerId } = one;
    const outcome = await one.performance.ended;
    one.isRunning = false;
    runningCount--;
    changed();
    if (outcome === null) counters.add("runs_dropped");
    else await tell(run, workerId, outcome);
    held.delete(key);
    changed();
  }

  async function tell(run: Run, workerId: string, outcome: Outcome): Promise<void> {
    counters.add(`runs_ended_${outcome.status}`);
    failpoint("processor.ended");
    const answer = await finish({ run, workerId, outcome });
    if (answer === "stored") failpoint("processor.finished");
    log.debug("a run ended", {
      execution_id: run.execution_id,
      request_id: run.request_id,
      epoch: run.epoch,
      status: outcome.status,
      code: outcome.status === "succeeded" ? undefined : outcome.error.code,
      seconds: outcome.processing_total_seconds,
      finish: answer,
    });
    if (answer === "stored") announce(run, outcome);
    else counters.add(answer === "dropped" ? "finishes_dropped" : "finishes_refused");
  }

  /** The database gave this execution a newer epoch, so an earlier run of it here is not ours any more. */
  function endEarlier({ execution_id }: Run): Promise<void> | undefined {
    const earlier = [...held.values()].filter(
      (one) => one.isRunning && one.run.execution_id === execution_id,
    );
    if (earlier.length === 0) return undefined;
    for (const { performance } of earlier) performance.abort("fenced");
    return Promise.all(earlier.map(({ performance }) => performance.ended)).then(() => {});
  }

  return {
    start(run, workerId) {
      const key = runKey(run);
      if (held.has(key)) return;
      const beginning = { earlier: endEarlier(run), mayBegin: () => isCurrent(workerId) };
      const one = { run, workerId, performance: perform(run, workerId, beginning, parts), isRunning: true };
      held.set(key, one);
      runningCount++;
      void live(key, one);
    },
    room: () => Math.max(Math.min(concurrency - runningCount, heldMax - held.size), 0),
    held: () => new Set(held.keys()),
    running: () => new Set([...held].flatMap(([key, one]) => (one.isRunning ? [key] : []))),
    abort(key, why) {
      const one = held.get(key);
      if (one?.isRunning) one.performance.abort(why);
    },
    async abortAll(why, workerId) {
      const all = [...held.values()].filter((one) => workerId === undefined || one.workerId === workerId);
      for (const one of all) if (one.isRunning) one.performance.abort(why);
      await Promise.all(all.map(({ performance }) => performance.settled));
    },
    quiet: () => until(() => runningCount === 0),
    empty: () => until(() => held.size === 0),
  };
}
