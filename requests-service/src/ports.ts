import type {
  ExecutionRef,
  Outcome,
  OutgoingRecord,
  RefusedExecution,
  ResultsApi,
  RunRef,
} from "@sate/contracts";
import type { Decided, Execution, Key, StoredRequest } from "./execution.ts";

/**
 * What requests-service needs from outside. Obligations of every port:
 *
 * - A promise resolves after the write is durable, and rejects with `Unavailable` when that is not certain:
 *   the write may then have happened. So every write can be repeated.
 * - No call takes longer than its adapter's deadline.
 * - An empty batch is nothing: it asks nobody.
 * - A batch is not a transaction: each of its items succeeds or fails alone.
 */

export { Unavailable } from "@sate/contracts";

export type Store = {
  requests: Requests;
  executions: Executions;
  runs: Runs;
  refusals: Refusals;
  workers: Workers;
  outbox: Outbox;
  confirmations: Confirmations;
  /** Makes what the database needs (keys, indexes), and may be repeated. Rejects while it is away. */
  open(): Promise<void>;
  /** Resolves if the database answers. */
  ping(): Promise<void>;
  /** Safe before open, and twice. Later calls reject. */
  close(): Promise<void>;
};

export type Requests = {
  /** Stores those whose id is free. The answer has, for each, what is now stored under its id. */
  insert(requests: StoredRequest[]): Promise<StoredRequest[]>;
  get(ids: string[]): Promise<Map<string, StoredRequest>>;
  /**
   * The first of these, by id, as many as have payloads of `bytesMax` together, at least one.
   */
  getWithin(ids: string[], bytesMax: number): Promise<Within>;
  /** Newest first by id, those below `before`: at most `limit`, and as many as have payloads of `bytesMax` together. */
  list(page: { limit: number; bytesMax: number; before?: string | undefined }): Promise<Within>;
};

/** In the order in which they were asked for. `isCut`: there are more, and they were not read. */
export type Within = { found: Map<string, StoredRequest>; isCut: boolean };

export type Executions = {
  /** All executions of these requests, oldest attempt first. Reads what was acknowledged before the call. */
  ofRequests(requestIds: string[]): Promise<Map<string, Execution[]>>;
  /**
   * Stores each, together with its outbox mark, if its (request, attempt) is free: of any number of
   * contenders exactly one gets `true`.
   */
  insert(executions: Execution[]): Promise<boolean[]>;
  /** Those that there are. Outputs are not read, here and wherever nothing else is said. */
  get(keys: Key[]): Promise<Execution[]>;
  /** A page of one request's executions, oldest attempt first. */
  list(page: { requestId: string; afterAttempt: number; limit: number }): Promise<Execution[]>;
  /**
   * Queued → cancelled with this outcome, or running → asked to cancel: whichever it is. Nothing happens to
   * one that has ended.
   */
  cancel(ref: ExecutionRef, outcome: Outcome): Promise<void>;
};

export type Claim = { workerId: string; claimId: string };

/** `refused`: how many others of those asked for are there, but running or final already. */
export type Claimed = { held: Execution[]; refused: number };

export type Runs = {
  /**
   * Queued → running, epoch + 1, for this worker and claim; its outbox mark is cleared: it was heard. `held`
   * has what this very claim holds of them, so that a repetition answers the same, until the run ends.
   */
  claim(claim: Claim, refs: ExecutionRef[]): Promise<Claimed>;
  /** Keys of queued executions, lowest first. */
  queued(limit: number): Promise<ExecutionRef[]>;
  /**
   * Running with this epoch → the outcome, with an outbox mark. `stored` now, or by an earlier call with the
   * same result id; `refused` if the run is not the last or the execution ended otherwise.
   */
  finish(runs: Decided[]): Promise<("stored" | "refused" | "unknown")[]>;
  /**
   * Running with this epoch, and nobody asked to cancel it → queued, with an outbox mark for that; `isLost`
   * charges it one loss. The answer says for each whether it is queued, now or by an earlier call.
   */
  requeue(runs: RunRef[], isLost: boolean): Promise<boolean[]>;
  /** Running executions, by key, those above `after`; of all, of one worker, or of one claim. */
  running(page: Partial<Claim> & { after?: Key | undefined; limit: number }): Promise<Execution[]>;
};

export type Worker = { workerId: string; beats: number; givenUp: boolean };

export type Workers = {
  /** Idempotent; does nothing to a worker that is known. */
  register(workerId: string): Promise<void>;
  /** One more beat; `false` if the worker is unknown or given up. */
  beat(workerId: string): Promise<boolean>;
  get(workerIds: string[]): Promise<Worker[]>;
  /** Every worker, by id, those above `after`. */
  list(page: { after?: string | undefined; limit: number }): Promise<Worker[]>;
  /**
   * Gives the worker up for good. With `beats`, only if its count is still that. `true` if it is given up
   * now, by this call or an earlier one, or unknown.
   */
  giveUp(workerId: string, beats?: number): Promise<boolean>;
  /** Forgets workers that are given up: an unknown worker is as good as one that was given up. */
  forget(workerIds: string[]): Promise<void>;
};

/** A refused attempt as it is stored: a reference to its request, whose payload is read when it is published. */
export type Refusal = RefusedExecution & { creation_date: string };
export type RefusalKey = Pick<Refusal, "request_id" | "id">;

/** Refused attempts that must still be published. */
export type Refusals = {
  /** Stores each whose key is free. A repetition changes nothing. */
  insert(refusals: Refusal[]): Promise<void>;
  /** A page of them, by key, those above `after`. */
  list(page: { after?: RefusalKey | undefined; limit: number }): Promise<Refusal[]>;
  /** Deletes those that are there. */
  remove(keys: RefusalKey[]): Promise<void>;
};

/** What must still be published of an execution. */
export type Marked = Key & { mark: string };

export type Outbox = {
  /**
   * A page of outbox marks, those after `after`: outcomes first, for they end work that somebody waits for,
   * then wake-ups; by key within each. Costs what the page costs, however much was ever executed.
   */
  marked(page: { after?: Marked | undefined; limit: number }): Promise<Marked[]>;
  /** The executions, outputs included, of those marks that still stand. */
  standing(marked: Marked[]): Promise<Execution[]>;
  /** Clears exactly these marks; a newer mark on the same execution stays. An outcome is unconfirmed from then on. */
  clear(published: Marked[]): Promise<void>;
};

/** Executions whose outcome is published and whose result is not known to be recorded: those with `unconfirmedMark`. */
export type Confirmations = {
  /** A page of them, by key, those above `after`. Costs what the page costs, however much was ever executed. */
  unconfirmed(page: { after?: Key | undefined; limit: number }): Promise<Key[]>;
  /** Those of them that are unconfirmed are not any more. */
  confirm(recorded: Key[]): Promise<void>;
  /** Those of them that are unconfirmed get the mark of an outcome again. */
  publishAgain(missing: Key[]): Promise<void>;
};

/** What requests-service asks of results-service, which may be away for long without any harm. */
export type Results = Pick<ResultsApi, "resultsRecorded">;

/** Publishes records durably: acknowledged by the broker when it resolves. All or nothing is not promised; repeating is safe for readers. */
export type Publisher = {
  publish(records: OutgoingRecord[]): Promise<void>;
  /** Resolves when the broker answers and the topics are there. */
  open(): Promise<void>;
  ping(): Promise<void>;
  /** Safe before open, and twice. */
  close(): Promise<void>;
};

/** At least 0 and less than 1. */
export type Random = () => number;

/** Wall clock, epoch ms: only for dates that people read. */
export type Clock = () => number;
