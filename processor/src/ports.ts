import type { IncomingRecord, OutgoingRecord, RequestsApi } from "@sate/contracts";

/** A database, broker or service did not answer, or not in time. `message` is fit for any reader. */
export class Unavailable extends Error {
  override name = "Unavailable";
}

/** What a processor asks of requests-service. Every operation may be repeated; rejects with `Unavailable`. */
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

/** Publishes records durably: acknowledged by the broker when it resolves. All or nothing is not promised; repeating is safe for readers. */
export type Publisher = {
  publish(records: OutgoingRecord[]): Promise<void>;
  /** Resolves when the broker answers. */
  open(): Promise<void>;
  ping(): Promise<void>;
  /** Safe before open, and twice. */
  close(): Promise<void>;
};

/** A member of a consumer group. */
export type Consumer = {
  /**
   * Joins the group and hands what arrives to `handle`: one call at a time, with all that has gathered, each
   * partition's records in order. The records are committed after `handle` has resolved; if it rejects, or
   * the process ends before, they come again, here or at another member: at least once. Resolves when the
   * group is joined. Rejects with `Unavailable`, whose message says what is missing, and may be called again.
   */
  start(handle: (records: IncomingRecord[]) => Promise<void>): Promise<void>;
  /** Leaves the group, within a deadline. Safe before start, and twice. */
  stop(): Promise<void>;
  /** A sentence when nothing can arrive at the moment, else `null`. */
  complaint(): string | null;
};

/** One run of an execution, as its handler sees it. */
export type HandlerRun = {
  /** The payload, byte for byte as it was sent: JSON text. */
  payloadJson: string;
  requestId: string;
  /** The same for every run of the execution: an idempotency key. */
  executionId: string;
  /** Grows with every run of the execution: a fencing token. */
  epoch: number;
  attempt: number;
  forceError: boolean;
  /** The boot of a processor that runs it. */
  workerId: string;
  traceparent?: string | undefined;
  /** How long the run may take. */
  deadlineMs: number;
  /** Aborted with an `Aborted` when the run must stop at once: what it gives after that is dropped. */
  signal: AbortSignal;
};

export type HandlerEnd =
  | { kind: "succeeded"; outputsJson: string }
  /** The handler's own word: the execution failed in a way that it foresaw. Both texts are shown to the user. */
  | { kind: "failed"; error: { code: string; message: string } };

/**
 * Does the work of an execution. A handler must stop soon after its signal is aborted, and may be called
 * again for the same execution, never while an earlier call is known to be alive. What it throws is an
 * unexpected error: the execution goes to the dead letter queue, with the error's name and not its text.
 */
export type Handler = (run: HandlerRun) => Promise<HandlerEnd>;

/** Handlers by the name that requests give as `processor`; `default` serves those that give none. */
export type Handlers = Readonly<Record<string, Handler>>;

/**
 * - cancelled: somebody asked for it.
 * - timeout: the deadline of the run passed.
 * - fenced: the execution is not this worker's any more.
 * - stopping: the processor ends; the execution goes back to the queue.
 */
export type AbortReason = "cancelled" | "timeout" | "fenced" | "stopping";

/** The reason of an aborted run's signal. */
export class Aborted extends Error {
  override name = "Aborted";
  constructor(readonly why: AbortReason) {
    super(`The run is aborted: ${why}.`);
  }
}
