import type { Consumer, Publisher, RequestsApi } from "@sate/contracts";
import type { Counters, Log } from "@sate/contracts/runtime";
import type { Time } from "./time.ts";

/** All that a processor needs from outside of its domain code. */
export type Ports = {
  requests: Requests;
  consumer: Consumer;
  publisher: Publisher;
  handlers: Handlers;
  time: Time;
  newId: () => string;
  /** From 0 to 1: spreads the retries and polls of many processors. */
  random: () => number;
  log: Log;
  counters: Counters;
  /** A task ended unexpectedly: the process must not continue. */
  fatal: (what: string, error: unknown) => void;
};

/** The operations of requests-service that a processor needs. Each may be repeated; each rejects with `Unavailable`. */
export type Requests = Pick<
  RequestsApi,
  | "registerWorker"
  | "heartbeat"
  | "endWorker"
  | "claim"
  | "claimAny"
  | "finish"
  | "handBack"
  | "markPublished"
>;

/** One run of an execution, as its handler sees it. */
export type HandlerRun = {
  /** The payload as it was sent, byte for byte: JSON text. */
  payloadJson: string;
  requestId: string;
  /** The same for every run of the execution: an idempotency key. */
  executionId: string;
  /** Grows with every run of the execution: a fencing token. */
  epoch: number;
  attempt: number;
  forceError: boolean;
  /** The worker that runs it: one boot of a processor. */
  workerId: string;
  traceparent?: string | undefined;
  /** How long the run may take. */
  deadlineMs: number;
  /** Aborted with an `Aborted` when the run must stop at once: what it returns after that is dropped. */
  signal: AbortSignal;
};

export type HandlerEnd =
  | { kind: "succeeded"; outputsJson: string }
  /** A failure that the handler foresaw. Both texts are shown to the user. */
  | { kind: "failed"; error: { code: string; message: string } };

/**
 * Does the work of an execution. A handler must stop soon after its signal is aborted. It may be called again for the
 * same execution, never while an earlier call is known to be alive. What it throws is an unexpected error, and so is
 * a result of another type: the execution is dead-lettered, with the error's name and not its text.
 */
export type Handler = (run: HandlerRun) => Promise<HandlerEnd>;

/** Handlers by the `processor` that a request names; `default` serves the requests that name none. */
export type Handlers = Readonly<Record<string, Handler>>;

/**
 * - cancelled: a client asked for it.
 * - timeout: the deadline of the run passed.
 * - fenced: the execution no longer belongs to this worker.
 * - stopping: the processor stops; the execution is requeued.
 */
export type AbortReason = "cancelled" | "timeout" | "fenced" | "stopping";

/** The reason of an aborted run's signal. */
export class Aborted extends Error {
  override name = "Aborted";
  constructor(readonly why: AbortReason) {
    super(`The run is aborted: ${why}.`);
  }
}
