import type { Consumer, DeliveryApi, ProcessorAnnouncement, Publisher, WorkerApi } from "@sate/contracts";
import type { Counters, Log } from "@sate/contracts/runtime";
import type { httpPost } from "./handlers/http/call.ts";
import type { Time } from "./time.ts";

/** All that a processor needs from outside of its domain code. */
export type Ports = {
  requests: Requests;
  consumer: Consumer;
  publisher: Publisher;
  processors: Processors;
  time: Time;
  newId: () => string;
  /** From 0 to 1: spreads the retries and polls of many processors. */
  random: () => number;
  log: Log;
  counters: Counters;
  /** A task ended unexpectedly: the process must not continue. */
  fatal: (what: string, error: unknown) => void;
  /** Calls the receivers of webhooks. `httpPost` if absent. */
  post?: typeof httpPost;
};

/** The operations of requests-service that a processor needs. Each may be repeated; each rejects with `Unavailable`. */
export type Requests = WorkerApi & DeliveryApi;

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
  /** The number of this try within the execution: 1, 2, … */
  tryNumber: number;
  forceError: boolean;
  /** The worker that runs it: one boot of a processor. */
  workerId: string;
  traceparent?: string | undefined;
  /** How long this run may take: the time until the deadline of the execution. */
  deadlineMs: number;
  /** Aborted with an `Aborted` when the run must stop at once: what it returns after that is dropped. */
  signal: AbortSignal;
  /** Reports the progress of the run: 0 to 1, and a line of text for users. The last report counts. Never throws. */
  progress(fraction: number, message?: string): void;
  /** Adds text to the run's log; a line ends with a line feed. Never throws, and never blocks. */
  log(text: string): void;
};

/**
 * - failed: an expected failure, with a code and a message for the user. It is retried if the processor has retries,
 *   unless `isRetryable` is false.
 * - broken: an unexpected error: the handler ended without an outcome of its own, such as by `process_died`.
 */
export type HandlerEnd =
  | { kind: "succeeded"; outputsJson: string }
  | {
      kind: "failed";
      error: { code: string; message: string };
      isRetryable?: boolean | undefined;
      /** The pause that an endpoint requests before the next try. The backoff applies if it is longer. */
      retryAfterMs?: number | undefined;
    }
  | { kind: "broken"; error: { code: string; message: string } };

/**
 * Does the work of an execution. A handler must stop soon after its signal is aborted. It may be called again for the
 * same execution, never while an earlier call is known to be alive. An exception or a result of another type is an
 * unexpected error: the execution is dead-lettered, with the error's name and not its text.
 */
export type Handler = (run: HandlerRun) => Promise<HandlerEnd>;

/** A processor that this worker serves: its announcement and its handler. */
export type Processor = {
  /** `timeout_seconds`, `concurrency`, `max_per_minute` and `retry` apply to the runs of every kind. */
  announcement: ProcessorAnnouncement;
  handler: Handler;
  /**
   * How long the handler may take to end after its signal is aborted, in ms; then the run is decided without it. Longer
   * than the handler needs where it can end its work for certain, such as by killing a process group.
   */
  graceMs: number;
  /** Its runs take slots of its own, as many as its `concurrency`, and none of the worker's. */
  hasOwnSlots?: boolean;
};

/**
 * The processors that this worker serves, by name. They may change while it runs; a run keeps the one it started with.
 */
export type Processors = {
  all(): readonly Processor[];
  find(name: string): Processor | undefined;
  /** `then` is called after every change. */
  onChange(then: () => void): void;
  /** Ends everything that the processors have started, such as child processes. Safe to call twice. */
  close(): Promise<void>;
};

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
