import {
  cancelled,
  type ExecutionError,
  limits,
  type Outcome,
  oneLine,
  type Progress,
  type Run,
} from "@sate/contracts";
import { Aborted, type AbortReason, type Ports, type Processor } from "../ports.ts";
import {
  type HandlerVerdict,
  outcomeOf,
  type RunEnd,
  readHandlerEnd,
  readThrown,
  timedOut,
} from "./outcome.ts";
import { retryPauseMs } from "./retry.ts";

/** What happens to an execution after a run. */
export type RunDecision =
  | { kind: "ended"; outcome: Outcome }
  | { kind: "retry"; pauseMs: number; error: ExecutionError };

/** A run under way. */
export type RunningHandler = {
  /** The first reason counts; later calls do nothing. */
  abort(why: AbortReason): void;
  /**
   * The decision, or `null` if there is nothing to report: fenced, stopping, or never started. Resolves no later than
   * the processor's grace period after the abort, even if the handler ignores its signal, and at once if the handler
   * has not started. Never rejects.
   */
  ended: Promise<RunDecision | null>;
  /** The handler has really ended. */
  settled: Promise<void>;
  /** The last progress that the handler reported: the same object until it reports another one. */
  progress(): Progress | undefined;
};

export type RunPorts = Pick<Ports, "time" | "random" | "newId" | "counters" | "log">;

export type RunToStart = {
  run: Run;
  processor: Processor;
  workerId: string;
  /** Resolves to whether the run may start, when its turn has come. */
  mayStart: () => Promise<boolean>;
  /** Takes text for the log of the run. */
  addToLog: (text: string) => void;
};

/**
 * Runs one execution, if `mayStart` resolves to `true`.
 *
 *     waiting ─▶ handler ─▶ its own end                              ─▶ outcome or another try
 *                   └─────▶ aborted ─▶ its end or the grace period ─▶ outcome (cancelled, timeout) or nothing
 *
 * The deadline counts from this call, by the monotonic clock. A handler is third-party code: its result or exception is
 * read once, by `readHandlerEnd` and `readThrown`.
 */
export function startRun(
  { time, random, newId, counters, log }: RunPorts,
  toStart: RunToStart,
): RunningHandler {
  const { run, processor, workerId, mayStart, addToLog } = toStart;
  const { announcement, handler, graceMs } = processor;
  const { execution_id, request_id, epoch } = run;
  const ids = { execution_id, request_id, epoch };
  const controller = new AbortController();
  const { signal } = controller;
  const withoutHandler = Promise.withResolvers<null>();
  const claimedAt = time.monotonic();
  let why: AbortReason | null = null;
  let cancelGrace = () => {};
  let started: { atMs: number; at: number } | null = null;
  let progress: Progress | undefined;

  function abort(reason: AbortReason): void {
    if (why !== null) return;
    why = reason;
    if (started === null) withoutHandler.resolve(null);
    else cancelGrace = time.after(graceMs, abandon);
    controller.abort(new Aborted(reason));
  }

  async function handle(): Promise<HandlerVerdict | null> {
    if (!(await mayStart()) || why !== null) return null;
    counters.add("runs_started");
    started = { atMs: time.now(), at: time.monotonic() };
    try {
      const given: unknown = await handler({
        payloadJson: run.payload_json,
        requestId: request_id,
        executionId: execution_id,
        epoch,
        attempt: run.attempt,
        tryNumber: run.try,
        forceError: run.force_error,
        workerId,
        traceparent: run.traceparent,
        deadlineMs: leftMs(),
        signal,
        progress: (fraction, message) => {
          progress = progressOf(fraction, message, progress);
        },
        log: addToLog,
      });
      return readHandlerEnd(given);
    } catch (error) {
      const { verdict, fields } = readThrown(error);
      if (why === null) log.warn("a handler threw an unexpected error", { ...ids, ...fields });
      return verdict;
    }
  }

  const leftMs = () => run.left_ms - (time.monotonic() - claimedAt);

  function abandon(): void {
    counters.add("runs_abandoned");
    log.warn(
      "an aborted handler did not end in time; its run ends without it, and the handler may still be working",
      ids,
    );
    withoutHandler.resolve(null);
  }

  async function end(): Promise<RunDecision | null> {
    const cancelDeadline = time.after(run.left_ms, () => abort("timeout"));
    const verdict = await Promise.race([handling, withoutHandler.promise]);
    cancelDeadline();
    cancelGrace();
    const end = endOf(verdict?.end ?? null, why, run.left_ms);
    if (end === null) return null;
    const pauseMs = why === null && verdict !== null ? pauseAfter(verdict) : null;
    if (pauseMs !== null && end.status !== "succeeded") return { kind: "retry", pauseMs, error: end.error };
    const { atMs, at } = started ?? { atMs: time.now(), at: time.monotonic() };
    const outcome = outcomeOf(end, {
      resultId: newId(),
      startedAtMs: atMs,
      elapsedMs: time.monotonic() - at,
      tries: started === null ? run.try - 1 : run.try,
      version: announcement.version,
    });
    return { kind: "ended", outcome };
  }

  function pauseAfter(verdict: HandlerVerdict): number | null {
    const { retry: policy } = announcement;
    return retryPauseMs(verdict, { policy, tryNumber: run.try, leftMs: leftMs(), random: random() });
  }

  const handling = handle();
  return { abort, ended: end(), settled: handling.then(() => {}), progress: () => progress };
}

/** The first event decides: the end of a handler after an abort is ignored. */
function endOf(given: RunEnd | null, why: AbortReason | null, hadMs: number): RunEnd | null {
  switch (why) {
    case null:
      return given;
    case "timeout":
      return timedOut(hadMs);
    case "cancelled":
      return cancelled;
    case "fenced":
    case "stopping":
      return null;
  }
}

/** The progress that a handler reported, within the limits of the contract; an invalid report is ignored. */
function progressOf(fraction: unknown, message: unknown, before: Progress | undefined): Progress | undefined {
  if (typeof fraction !== "number" || Number.isNaN(fraction)) return before;
  const next: Progress = { fraction: Math.min(Math.max(fraction, 0), 1) };
  if (typeof message === "string") next.message = oneLine(message, limits.lineCharsMax).toWellFormed();
  return Bun.deepEquals(next, before) ? before : next;
}
