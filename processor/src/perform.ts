import type { Outcome, Run } from "@sate/contracts";
import { decideOutcome, type RunEnd } from "./outcome.ts";
import { Aborted, type AbortReason, type Handler, type HandlerRun, type Handlers } from "./ports.ts";
import { errorFields, type Log } from "./runtime/log.ts";
import type { Counters } from "./runtime/metrics.ts";
import type { Time } from "./time.ts";

/** A run under way. */
export type Performance = {
  /** The first reason counts; later ones do nothing. */
  abort(why: AbortReason): void;
  /**
   * The outcome, or `null` if there is none to tell: fenced, stopping, or never begun. Comes at the latest a
   * short grace after the run was aborted, even if its handler does not listen. Never rejects.
   */
  ended: Promise<Outcome | null>;
  /** The handler has really ended. */
  settled: Promise<void>;
};

export type PerformParts = {
  handlers: Handlers;
  time: Time;
  newId: () => string;
  /** The deadline of a run. */
  executionMs: number;
  counters: Counters;
  log: Log;
};

/** Asked and awaited before a handler starts. */
export type Beginning = {
  /** An earlier run of the same execution in this process, which is being aborted. */
  earlier: Promise<void> | undefined;
  /** The last word: is the run still this worker's? */
  mayBegin: () => boolean;
};

/** How long an aborted handler may take to end before its run is decided without it. */
export const graceMs = 500;

/**
 * Runs one execution.
 *
 *     waiting ─▶ handler ─▶ its own end                    ─▶ outcome
 *                   └─────▶ aborted ─▶ its end or the grace ─▶ outcome (cancelled, timeout) or nothing
 */
export function perform(run: Run, workerId: string, beginning: Beginning, parts: PerformParts): Performance {
  const { time, newId, executionMs, counters, log } = parts;
  const controller = new AbortController();
  const { signal } = controller;
  let why: AbortReason | null = null;
  let cancelGrace = () => {};
  const grace = Promise.withResolvers<void>();

  function abort(reason: AbortReason): void {
    if (why !== null) return;
    why = reason;
    cancelGrace = time.after(graceMs, grace.resolve);
    controller.abort(new Aborted(reason));
  }

  async function end(handling: Promise<Handled>): Promise<Outcome | null> {
    const cancelDeadline = time.after(executionMs, () => abort("timeout"));
    const handled = await Promise.race([handling, grace.promise.then(abandoned)]);
    cancelDeadline();
    cancelGrace();
    const runEnd = endOf(handled.end, why, executionMs);
    return runEnd && decideOutcome(runEnd, { ...measure(handled), resultId: newId() });
  }

  function abandoned(): Handled {
    counters.add("runs_abandoned");
    log.warn("a handler does not end though it was aborted; its run is decided without it", idsOf(run));
    return { ...begun, end: null };
  }

  function measure({ startedAtMs, startedAt }: Begun) {
    return { startedAtMs, elapsedMs: Math.max(time.monotonic() - startedAt, 0) };
  }

  const begun: Begun = { startedAtMs: time.now(), startedAt: time.monotonic() };
  const handlerRun = handlerRunOf(run, workerId, executionMs, signal);
  const handling = handle(run, handlerRun, beginning, parts, begun);
  return { abort, ended: end(handling), settled: handling.then(() => {}) };
}

/** When the handler began, by both clocks; until then, when its run did. */
type Begun = { startedAtMs: number; startedAt: number };
/** `null`: it did not begin, or nobody knows. */
type Handled = Begun & { end: RunEnd | null };

async function handle(
  run: Run,
  handlerRun: HandlerRun,
  { earlier, mayBegin }: Beginning,
  { handlers, time, counters, log }: PerformParts,
  begun: Begun,
): Promise<Handled> {
  if (earlier) await earlier;
  if (handlerRun.signal.aborted || !mayBegin()) return { ...begun, end: null };
  const handler = handlerOf(handlers, run.processor);
  if (handler === undefined) return { ...begun, end: { kind: "unknown_processor" } };
  counters.add("runs_started");
  begun.startedAtMs = time.now();
  begun.startedAt = time.monotonic();
  try {
    return { ...begun, end: await handler(handlerRun) };
  } catch (error) {
    if (!handlerRun.signal.aborted) {
      log.warn("a handler failed unexpectedly", { ...idsOf(run), ...errorFields(error) });
    }
    return { ...begun, end: { kind: "threw", error } };
  }
}

/** Who was first decides: an end that comes after the abort is not the run's end any more. */
function endOf(given: RunEnd | null, why: AbortReason | null, deadlineMs: number): RunEnd | null {
  switch (why) {
    case null:
      return given;
    case "timeout":
      return { kind: "timeout", deadlineMs };
    case "cancelled":
      return { kind: "cancelled" };
    case "fenced":
    case "stopping":
      return null;
  }
}

function handlerOf(handlers: Handlers, name = "default"): Handler | undefined {
  return Object.hasOwn(handlers, name) ? handlers[name] : undefined;
}

function handlerRunOf(run: Run, workerId: string, deadlineMs: number, signal: AbortSignal): HandlerRun {
  return {
    payloadJson: run.payload_json,
    requestId: run.request_id,
    executionId: run.execution_id,
    epoch: run.epoch,
    attempt: run.attempt,
    forceError: run.force_error,
    workerId,
    traceparent: run.traceparent,
    deadlineMs,
    signal,
  };
}

function idsOf({ execution_id, request_id, epoch }: Run) {
  return { execution_id, request_id, epoch };
}
