import type {
  Claimable,
  ExecutionError,
  ExecutionKey,
  ExecutionRef,
  Outcome,
  ProcessorAnnouncement,
  Publisher,
  RefusedExecution,
  RemovalsApi,
  RequestRecord,
  ResultsApi,
  RunRef,
} from "@sate/contracts";
import type { Counters, Log } from "@sate/contracts/runtime";
import type { EndedRun, Execution } from "./executions/execution.ts";
import type { Finding } from "./finding/port.ts";
import type { Keys } from "./keys/port.ts";
import type { Logs } from "./logs/port.ts";
import type { ProcessorStore } from "./processors/port.ts";
import type { Removals } from "./removals/port.ts";
import type { Schedules } from "./schedules/port.ts";
import type { WebhookStore } from "./webhooks/port.ts";
import type { Workers } from "./workers/port.ts";

export type { Worker, Workers } from "./workers/port.ts";

/** What requests-service needs from outside. */
export type Ports = {
  store: Store;
  publisher: Publisher;
  results: Results;
  resultsRemoval: RemovalsApi;
  deadLetters: DeadLetters;
  /** Wall clock, epoch ms: only for dates that people read. */
  clock: () => number;
  newId: () => string;
  /** At least 0 and less than 1. Spreads idle processors over the queue, and the looks of several processes over time. */
  random: () => number;
  log: Log;
  counters: Counters;
  /** A loop ended unexpectedly: the process must not continue. */
  fatal: (what: string, error: unknown) => void;
};

/**
 * Obligations of every port:
 *
 * - A promise resolves once the write is durable. It rejects with `Unavailable` otherwise: the write may then have
 *   happened, unless the reason is `not_done`. So every write can be repeated.
 * - No call takes longer than its adapter's deadline.
 * - An empty batch makes no call.
 * - A batch is not a transaction: each of its items succeeds or fails alone.
 * - A page has the first `limit` by key, those above `after`. Its cost does not depend on how much was ever executed.
 */
export type Store = {
  requests: Requests;
  executions: Executions;
  finding: Finding;
  runs: Runs;
  waiting: Waiting;
  refusals: Refusals;
  workers: Workers;
  outbox: Outbox;
  confirmations: Confirmations;
  processors: ProcessorStore;
  logs: Logs;
  keys: Keys;
  webhooks: WebhookStore;
  schedules: Schedules;
  removals: Removals;
  /**
   * Creates the keys and indexes that are missing, brings what earlier versions stored up to date, and reads the clock.
   * May be repeated, and is cheap then.
   */
  open(): Promise<void>;
  /** Resolves if the database responds. Reads its clock, too. */
  ping(): Promise<void>;
  /**
   * The database's clock, in whole ms since 1970, as it was read last and has run since. Every instant that is stored is
   * compared with it and with no other clock. Throws `Unavailable` until it has been read.
   */
  now(): number;
  /** Safe before open, and twice. Later calls reject. */
  close(): Promise<void>;
};

export type Page<Key> = { after?: Key | undefined; limit: number };

export type Requests = {
  /** Stores those whose id is free. Returns, for each, what is now stored under its id. */
  insert(requests: RequestRecord[]): Promise<RequestRecord[]>;
  get(ids: string[]): Promise<Map<string, RequestRecord>>;
  /** The same as they are now: one that another process has removed is a stub. */
  current(ids: string[]): Promise<Map<string, RequestRecord>>;
  /** Those of these that are removed now. */
  removedOf(ids: string[]): Promise<Set<string>>;
  /** Request → stub, without its payload, labels and start mark. A stub stays as it is. */
  remove(ids: string[]): Promise<void>;
  /** The first of these, by id, whose payloads together have at most `bytesMax`; at least one. */
  getWithin(ids: string[], bytesMax: number): Promise<Within>;
  /** The same, but the newest by id, and in that order. */
  newest(ids: string[], bytesMax: number): Promise<Within>;
  /** A page of those with a start mark, in a fixed order. */
  starting(page: Page<Starting>): Promise<Starting[]>;
  /** Clears exactly these start marks. */
  clearStarts(starting: Starting[]): Promise<void>;
};

/** A request with a start mark, and the id of the execution that it asks for. */
export type Starting = { request_id: string; execution_id: string };

/** In the order of the call. `isCut`: there are more, which were not read. */
export type Within = { found: Map<string, RequestRecord>; isCut: boolean };

export type Executions = {
  /** All executions of these requests, oldest attempt first. Reads what was acknowledged before the call. */
  ofRequests(requestIds: string[]): Promise<Map<string, Execution[]>>;
  /** Stores each, with its outbox mark, if its (request, attempt) is free: one of any number of contenders gets `true`. */
  insert(executions: Execution[]): Promise<boolean[]>;
  /** Those that exist. Here and elsewhere, outputs are read only where the docstring says so. */
  get(keys: ExecutionKey[]): Promise<Execution[]>;
  /** A page of one request's executions, oldest attempt first. */
  list(page: { request_id: string; after_attempt: number; limit: number }): Promise<Execution[]>;
  /**
   * Queued, after this number of tries → cancelled with this outcome, which has that number too; or running →
   * cancellation requested. Does nothing to one that has ended.
   */
  cancel(ref: ExecutionRef & { tries: number }, outcome: Outcome): Promise<void>;
  /** Running → cancellation requested. Does nothing to others. */
  requestCancel(refs: ExecutionRef[]): Promise<void>;
};

export type Claim = { worker_id: string; claim_id: string };

/** `refused`: the number of named executions that exist but are already running or final. */
export type Claimed = { held: Execution[]; refused: number };

export type Runs = {
  /**
   * Queued → running, epoch + 1, for this worker and claim, where `claimedBy` allows it; sets the deadline, and clears
   * the outbox mark, because the wake-up has arrived. `held` is everything that this claim holds, so a repetition returns
   * the same until the run ends.
   */
  claim(claim: Claim, refs: ExecutionRef[], processors?: Claimable[]): Promise<Claimed>;
  /**
   * For each, the first queued executions of a processor by key, or of all processors, that wait for no instant: up to
   * `limit`, and at least one if there is any. The cost does not depend on how many wait or are queued.
   */
  queued(wanted: { processor?: string; limit: number }[]): Promise<ExecutionRef[][]>;
  /**
   * Running with this epoch → the outcome, with an outbox mark. `stored`: now, or by an earlier call with the same
   * result id. `refused`: the epoch is stale, or the execution ended otherwise.
   */
  finish(runs: EndedRun[]): Promise<("stored" | "refused" | "unknown")[]>;
  /**
   * Running with this epoch and no cancellation requested → queued, with an outbox mark, to be looked at when its
   * deadline passes; `isLost` counts a loss. Returns for each whether it is queued, now or by an earlier call.
   */
  requeue(runs: (RunRef & Pick<Execution, "deadline_at">)[], isLost: boolean): Promise<boolean[]>;
  /**
   * Running with this epoch and no cancellation requested → queued until `start_after`, without a mark; counts a try.
   * Returns for each whether it is queued after this run, now or by an earlier call.
   */
  retryLater(runs: Retry[]): Promise<boolean[]>;
  /** A page of running executions, by id; of all workers, of one, or of one claim. */
  running(page: Partial<Claim> & Page<Pick<Execution, "id">>): Promise<Execution[]>;
};

export type Retry = RunRef & { start_after: number; wake_at: number; last_error: ExecutionError };

/** A queued execution, by its last run; its epoch is 0 if there was none. `start_after`: what it waits for. */
export type Woken = RunRef & { start_after: number; wake_at: number | undefined };

/** Queued executions that wait for an instant. */
export type Waiting = {
  /** Queued executions whose `wake_at` is at most `until`, the earliest first. */
  due(page: { until: number; limit: number }): Promise<Execution[]>;
  /**
   * Queued with this epoch and `start_after` → without it, with an outbox mark and this `wake_at`. Returns for each
   * whether it waits no longer, by this call or another, and is still queued.
   */
  wake(executions: Woken[]): Promise<boolean[]>;
  /** Queued with this epoch → the outcome, with an outbox mark. Returns what `Runs.finish` returns. */
  end(executions: EndedRun[]): Promise<("stored" | "refused" | "unknown")[]>;
};

/** A refused attempt as it is stored: it refers to its request, whose payload is read when it is published. */
export type Refusal = RefusedExecution & { creation_date: string };
export type RefusalKey = Pick<Refusal, "request_id" | "id">;

/** Refused attempts that must still be published. */
export type Refusals = {
  /** Stores each whose key is free. */
  insert(refusals: Refusal[]): Promise<void>;
  list(page: Page<RefusalKey>): Promise<Refusal[]>;
  /** Deletes those that exist. */
  remove(keys: RefusalKey[]): Promise<void>;
};

/** What must still be published of an execution. */
export type Marked = ExecutionKey & { mark: string };

export type Outbox = {
  /** A page of outbox marks: outcomes first, because clients wait for them, then wake-ups; by key within each. */
  marked(page: Page<Marked>): Promise<Marked[]>;
  /** The executions, outputs included, that still have these marks. */
  stillMarked(marked: Marked[]): Promise<Execution[]>;
  /** Clears exactly these marks; a newer mark on the same execution stays. An outcome becomes unconfirmed. */
  clear(published: Marked[]): Promise<void>;
};

/** Executions whose outcome is published and whose result is not known to be recorded: those with `unconfirmedMark`. */
export type Confirmations = {
  unconfirmed(page: Page<ExecutionKey>): Promise<ExecutionKey[]>;
  /** Confirms those of these executions that are unconfirmed. */
  confirm(recorded: ExecutionKey[]): Promise<void>;
  /** Sets the outcome mark again on those of these executions that are unconfirmed. */
  publishAgain(missing: ExecutionKey[]): Promise<void>;
};

/** The operation of results-service that requests-service calls. It may be unavailable for any length of time without harm. */
export type Results = Pick<ResultsApi, "resultsRecorded">;

/** The stored dead letters, which results-service reads. Only replays need them. */
export type DeadLetters = Pick<ResultsApi, "getDeadLetter">;

/** The processors that were announced. Results may be a few seconds old. */
export type Processors = {
  /** The newest announcement; `undefined` if there was none, or the processor is withdrawn. */
  find(name: string): Promise<ProcessorAnnouncement | undefined>;
  /** The names that `find` knows. */
  names(): Promise<string[]>;
};
