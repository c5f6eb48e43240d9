import { cancelled, type Outcome, type Run } from "@sate/contracts";
import { Aborted, type AbortReason, type Handler, type Handlers, type Ports } from "../ports.ts";
import { outcomeOf, type RunEnd, readHandlerEnd, readThrown, timedOut, unknownProcessor } from "./outcome.ts";

/** A run under way. */
export type RunningHandler = {
  /** The first reason counts; later calls do nothing. */
  abort(why: AbortReason): void;
  /**
   * The outcome, or `null` if there is none to report: fenced, stopping, or never started. Resolves at the latest a
   * short grace period after the abort, even if the handler ignores its signal. Never rejects.
   */
  ended: Promise<Outcome | null>;
  /** The handler has really ended. */
  settled: Promise<void>;
};

export type RunPorts = Pick<Ports, "handlers" | "time" | "newId" | "counters" | "log">;

/** How long an aborted handler may take to end before its run is decided without it. */
export const graceMs = 500;

/**
 * Runs one execution, if `mayStart` resolves to `true`.
 *
 *     waiting ─▶ handler ─▶ its own end                              ─▶ outcome
 *                   └─────▶ aborted ─▶ its end or the grace period ─▶ outcome (cancelled, timeout) or nothing
 *
 * A handler is code of others: what it returns or throws is read once, by `readHandlerEnd` and `readThrown`.
 */
export function startRun(
  { handlers, time, newId, counters, log }: RunPorts,
  executionMs: number,
  { run, workerId, mayStart }: { run: Run; workerId: string; mayStart: () => Promise<boolean> },
): RunningHandler {
  const { execution_id, request_id, epoch } = run;
  const ids = { execution_id, request_id, epoch };
  const controller = new AbortController();
  const { signal } = controller;
  const grace = Promise.withResolvers<void>();
  let why: AbortReason | null = null;
  let cancelGrace = () => {};
  let startedAtMs = time.now();
  let startedAt = time.monotonic();

  function abort(reason: AbortReason): void {
    if (why !== null) return;
    why = reason;
    cancelGrace = time.after(graceMs, grace.resolve);
    controller.abort(new Aborted(reason));
  }

  async function handle(): Promise<RunEnd | null> {
    if (!(await mayStart()) || why !== null) return null;
    const handler = handlerOf(handlers, run.processor);
    if (handler === undefined) return unknownProcessor;
    counters.add("runs_started");
    startedAtMs = time.now();
    startedAt = time.monotonic();
    try {
      const given: unknown = await handler({
        payloadJson: run.payload_json,
        requestId: request_id,
        executionId: execution_id,
        epoch,
        attempt: run.attempt,
        forceError: run.force_error,
        workerId,
        traceparent: run.traceparent,
        deadlineMs: executionMs,
        signal,
      });
      return readHandlerEnd(given);
    } catch (error) {
      const { end, fields } = readThrown(error);
      if (why === null) log.warn("a handler threw an unexpected error", { ...ids, ...fields });
      return end;
    }
  }

  function abandon(): null {
    counters.add("runs_abandoned");
    log.warn(
      "an aborted handler did not end in time; its run ends without it, and the handler may still be working",
      ids,
    );
    return null;
  }

  async function end(): Promise<Outcome | null> {
    const cancelDeadline = time.after(executionMs, () => abort("timeout"));
    const given = await Promise.race([handling, grace.promise.then(abandon)]);
    cancelDeadline();
    cancelGrace();
    const end = endOf(given, why, executionMs);
    return end && outcomeOf(end, newId(), startedAtMs, time.monotonic() - startedAt);
  }

  const handling = handle();
  return { abort, ended: end(), settled: handling.then(() => {}) };
}

/** Whichever came first decides: an end that comes after the abort is not the run's end any more. */
function endOf(given: RunEnd | null, why: AbortReason | null, deadlineMs: number): RunEnd | null {
  switch (why) {
    case null:
      return given;
    case "timeout":
      return timedOut(deadlineMs);
    case "cancelled":
      return cancelled;
    case "fenced":
    case "stopping":
      return null;
  }
}

function handlerOf(handlers: Handlers, name = "default"): Handler | undefined {
  return Object.hasOwn(handlers, name) ? handlers[name] : undefined;
}
