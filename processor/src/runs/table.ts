import { limits, type Outcome, type Run, type RunRef } from "@sate/contracts";
import { failpoint } from "@sate/contracts/runtime";
import type { Lease } from "../lease/lease.ts";
import type { Finisher } from "../outcomes/finish.ts";
import type { OutcomePublisher } from "../outcomes/publish.ts";
import type { AbortReason } from "../ports.ts";
import { type RunningHandler, type RunPorts, startRun } from "./run.ts";

/** Identifies a run in maps: one execution may be run again, with a higher epoch. */
export const runKey = ({ execution_id, epoch }: Pick<RunRef, "execution_id" | "epoch">): string =>
  `${execution_id} ${epoch}`;

/** `gone` resolves when the run is not held any more. */
type Held = { run: Run; workerId: string; handler: RunningHandler; isRunning: boolean; gone: Promise<void> };

/**
 * The runs that this process holds.
 *
 *     running ──handler ended──▶ ended ──finish acknowledged──▶ gone
 *        └──────── aborted without an outcome ────────────────────▲
 *
 * A run takes one of `concurrency` slots while its handler runs. The slot is free as soon as the handler has ended,
 * so that short handlers do not wait for the finishes of others; but a processor whose outcomes are not taken must
 * not go on forever, so running and ended ones together are at most twice `concurrency`, and never more than the
 * response to a heartbeat can list.
 */
export function createRuns(
  ports: RunPorts,
  { concurrency, executionMs }: { concurrency: number; executionMs: number },
  { lease, finisher, outcomes }: { lease: Lease; finisher: Finisher; outcomes: OutcomePublisher },
) {
  const { counters, log } = ports;
  const heldMax = Math.min(concurrency * 2, limits.workerRunsMax);
  const held = new Map<string, Held>();
  let runningCount = 0;
  let roomChanged = () => {};

  async function follow(key: string, one: Omit<Held, "gone">): Promise<void> {
    const outcome = await one.handler.ended;
    one.isRunning = false;
    runningCount--;
    roomChanged();
    if (outcome === null) counters.add("runs_dropped");
    else await report(one.run, one.workerId, outcome);
    held.delete(key);
    roomChanged();
  }

  async function report(run: Run, workerId: string, outcome: Outcome): Promise<void> {
    counters.add(`runs_ended_${outcome.status}`);
    failpoint("processor.ended");
    const finish = await finisher.finish({ run, workerId, outcome });
    if (finish === "stored") failpoint("processor.finished");
    log.debug("a run ended", {
      execution_id: run.execution_id,
      request_id: run.request_id,
      epoch: run.epoch,
      status: outcome.status,
      code: outcome.status === "succeeded" ? undefined : outcome.error.code,
      seconds: outcome.processing_total_seconds,
      finish,
    });
    if (finish === "stored") outcomes.publishSoon(run, outcome);
    else counters.add(finish === "dropped" ? "finishes_dropped" : "finishes_refused");
  }

  /** The database has given this execution a newer epoch, so an earlier run of it here is fenced. */
  function abortEarlier({ execution_id }: Run): Promise<unknown> {
    const isEarlier = (one: Held) => one.isRunning && one.run.execution_id === execution_id;
    const earlier = [...held.values()].filter(isEarlier).map(({ handler }) => handler);
    for (const handler of earlier) handler.abort("fenced");
    return Promise.all(earlier.map(({ ended }) => ended));
  }

  return {
    /** Takes the run and starts it, unless it is held already. */
    start(run: Run, workerId: string): void {
      const key = runKey(run);
      if (held.has(key)) return;
      const earlierEnded = abortEarlier(run);
      const mayStart = async () => {
        await earlierEnded;
        return lease.id() === workerId;
      };
      const handler = startRun(ports, executionMs, { run, workerId, mayStart });
      const one = { run, workerId, handler, isRunning: true };
      runningCount++;
      held.set(key, Object.assign(one, { gone: follow(key, one) }));
    },
    /** How many more runs may be taken now. */
    room: (): number => Math.max(Math.min(concurrency - runningCount, heldMax - held.size), 0),
    /** `then` is called whenever there may be more room than before. */
    onRoom(then: () => void): void {
      roomChanged = then;
    },
    /** The keys (`runKey`) of all that is held. */
    held: (): Set<string> => new Set(held.keys()),
    /** The keys of those whose handler has not ended. */
    running: (): Set<string> => new Set([...held].flatMap(([key, one]) => (one.isRunning ? [key] : []))),
    /** Aborts a run whose handler has not ended; does nothing to another. */
    abort(key: string, why: AbortReason): void {
      const one = held.get(key);
      if (one?.isRunning) one.handler.abort(why);
    },
    /** Aborts the running ones, of one worker or of all. Resolves when their handlers have really ended. */
    async abortAll(why: AbortReason, workerId?: string): Promise<void> {
      const all = [...held.values()].filter((one) => workerId === undefined || one.workerId === workerId);
      for (const one of all) if (one.isRunning) one.handler.abort(why);
      await Promise.all(all.map(({ handler }) => handler.settled));
    },
    /** Resolves when all runs of this moment have ended. */
    ended: (): Promise<unknown> => Promise.all([...held.values()].map(({ handler }) => handler.ended)),
    /** Resolves when all runs of this moment are gone. */
    gone: (): Promise<unknown> => Promise.all([...held.values()].map(({ gone }) => gone)),
  };
}

export type Runs = ReturnType<typeof createRuns>;
