import { type Claimable, limits, type Progress, type Run, type RunRef, runRef } from "@sate/contracts";
import { failpoint } from "@sate/contracts/runtime";
import type { Lease } from "../lease/lease.ts";
import type { LogSender } from "../logs/sender.ts";
import type { Finisher } from "../outcomes/finish.ts";
import type { OutcomePublisher } from "../outcomes/publish.ts";
import type { AbortReason, Ports, Processor } from "../ports.ts";
import { type RunDecision, type RunningHandler, type RunPorts, startRun } from "./run.ts";
import { createTokenBucket, type TokenBucket } from "./token-bucket.ts";

/** Identifies a run in maps: one execution may be run again, with a higher epoch. */
export const runKey = ({ execution_id, epoch }: Pick<RunRef, "execution_id" | "epoch">): string =>
  `${execution_id} ${epoch}`;

/** `gone` resolves when the run is not held any more. */
type Held = {
  run: Run;
  workerId: string;
  handler: RunningHandler;
  /** Whether it takes one of the slots that processors share. */
  isShared: boolean;
  isRunning: boolean;
  /** The progress that requests-service knows. */
  reported: Progress | undefined;
  gone: Promise<void>;
};
type RunProgress = RunRef & { progress: Progress };
type TablePorts = RunPorts & Pick<Ports, "processors">;

/**
 * The runs that this process holds.
 *
 *     running ──handler ended──▶ ended ──report acknowledged──▶ gone
 *        └──────── aborted without an outcome ────────────────────▲
 *
 * A run takes one of `concurrency` slots, and one of those of its processor, while its handler runs; the slot is free
 * as soon as the handler has ended, so that short handlers do not wait for the reports of others; but a processor whose
 * reports are not acknowledged must not continue without limit, so running and ended ones together are at most twice
 * `concurrency`, and never more than the response to a heartbeat can list.
 *
 * A run of a processor with slots of its own takes one of those until its report is acknowledged, and none of the
 * others. So neither waits for the other.
 */
export function createRuns(
  ports: TablePorts,
  { concurrency }: { concurrency: number },
  parts: { lease: Lease; finisher: Finisher; outcomes: OutcomePublisher; logs: LogSender },
) {
  const { processors, time, counters, log } = ports;
  const { lease, finisher, outcomes, logs } = parts;
  const held = new Map<string, Held>();
  const buckets = new Map<string, TokenBucket>();
  /** Those that take shared slots. */
  const shared = { running: 0, held: 0 };
  let roomChanged = () => {};

  async function follow(key: string, one: Omit<Held, "gone">, endLog: () => void): Promise<void> {
    const decision = await one.handler.ended;
    one.isRunning = false;
    if (one.isShared) shared.running--;
    endLog();
    roomChanged();
    if (decision === null) counters.add("runs_dropped");
    else await report(one.run, one.workerId, decision);
    held.delete(key);
    if (one.isShared) shared.held--;
    roomChanged();
  }

  async function report(run: Run, workerId: string, decision: RunDecision): Promise<void> {
    const isEnd = decision.kind === "ended";
    counters.add(isEnd ? `runs_ended_${decision.outcome.status}` : "runs_to_be_retried");
    failpoint("processor.ended");
    const result = isEnd
      ? await finisher.finish({ run, workerId, outcome: decision.outcome })
      : await finisher.retryLater({ run, workerId, pauseMs: decision.pauseMs, error: decision.error });
    if (result === "stored") failpoint("processor.finished");
    log.debug("a run ended", { ...fieldsOf(run, decision), finish: result });
    if (isEnd && result === "stored") outcomes.publishSoon(run, decision.outcome);
    if (result === "dropped") counters.add("finishes_dropped");
    if (result === "refused" || result === "unknown") counters.add("finishes_refused");
  }

  /** The database has given this execution a newer epoch, so an earlier run of it here is fenced. */
  function abortEarlier({ execution_id }: Run): Promise<unknown> {
    const isEarlier = (one: Held) => one.isRunning && one.run.execution_id === execution_id;
    const earlier = [...held.values()].filter(isEarlier).map(({ handler }) => handler);
    for (const handler of earlier) handler.abort("fenced");
    return Promise.all(earlier.map(({ ended }) => ended));
  }

  /** The rate limit of a processor, which is kept when it is reloaded. */
  function bucketOf({ name, max_per_minute }: Processor["announcement"]): TokenBucket | undefined {
    if (max_per_minute === undefined) return undefined;
    const known = buckets.get(name);
    if (known?.perMinute === max_per_minute) return known;
    const bucket = createTokenBucket(max_per_minute, time.monotonic());
    buckets.set(name, bucket);
    return bucket;
  }

  /** How many more runs the response to a heartbeat could list. */
  const left = () => limits.workerRunsMax - held.size;
  const sharedRoom = () =>
    Math.max(Math.min(concurrency - shared.running, concurrency * 2 - shared.held, left()), 0);

  return {
    /**
     * Takes the run and starts it, unless it is held already. Returns `false`, and takes nothing, if no processor of
     * its name is served any more.
     */
    start(run: Run, workerId: string): boolean {
      const key = runKey(run);
      if (held.has(key)) return true;
      const processor = processors.find(run.processor);
      if (processor === undefined) return false;
      const earlierEnded = abortEarlier(run);
      const mayStart = async () => {
        await earlierEnded;
        return lease.id() === workerId;
      };
      bucketOf(processor.announcement)?.take(time.monotonic());
      const runLog = logs.open(run);
      const handler = startRun(ports, { run, processor, workerId, mayStart, addToLog: runLog.add });
      const isShared = !processor.hasOwnSlots;
      const one = { run, workerId, handler, isShared, isRunning: true, reported: undefined };
      if (isShared) {
        shared.running++;
        shared.held++;
      }
      held.set(key, Object.assign(one, { gone: follow(key, one, runLog.end) }));
      return true;
    },
    /** Whether every slot that processors share is taken. */
    isFull: () => sharedRoom() === 0,
    /** How many runs one claim may take now. While there are shared slots, no more than these: it may be of any processor. */
    room: () => sharedRoom() || Math.max(left(), 0),
    /** How many of them may be of each processor. Processors without room are omitted. */
    roomByProcessor(): Claimable[] {
      const taken = new Map<string, number>();
      for (const { run, isShared, isRunning } of held.values()) {
        if (isRunning || !isShared) taken.set(run.processor, (taken.get(run.processor) ?? 0) + 1);
      }
      return processors.all().flatMap(({ announcement, hasOwnSlots }) => {
        const free = hasOwnSlots ? left() : sharedRoom();
        const { name, concurrency: most = free, timeout_seconds } = announcement;
        const slots = announcement.concurrency === undefined ? free : most - (taken.get(name) ?? 0);
        const starts = bucketOf(announcement)?.available(time.monotonic()) ?? free;
        const limit = Math.min(free, slots, starts);
        return limit < 1 ? [] : [{ name, limit, timeout_seconds }];
      });
    },
    /** `then` is called whenever there may be more room than before. */
    onRoom(then: () => void): void {
      roomChanged = then;
    },
    /** The keys (`runKey`) of all that is held. */
    held: (): Set<string> => new Set(held.keys()),
    /** The keys of those whose handler has not ended. */
    running: (): Set<string> => new Set([...held].flatMap(([key, one]) => (one.isRunning ? [key] : []))),
    /** The progress of running ones that is newer than the reported one. */
    newProgress(): RunProgress[] {
      return [...held.values()].flatMap((one) => {
        const progress = one.handler.progress();
        if (!one.isRunning || progress === undefined || progress === one.reported) return [];
        return [{ ...runRef(one.run), progress }];
      });
    },
    /** Must be called when requests-service has acknowledged these. */
    progressReported(reported: RunProgress[]): void {
      for (const { progress, ...ref } of reported) {
        const one = held.get(runKey(ref));
        if (one) one.reported = progress;
      }
    },
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

function fieldsOf({ execution_id, request_id, epoch }: Run, decision: RunDecision) {
  const ids = { execution_id, request_id, epoch };
  if (decision.kind === "retry") return { ...ids, code: decision.error.code, retry_ms: decision.pauseMs };
  const { outcome } = decision;
  const code = outcome.status === "succeeded" ? undefined : outcome.error.code;
  return { ...ids, status: outcome.status, code, seconds: outcome.processing_total_seconds };
}
