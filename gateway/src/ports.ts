import type { OutgoingRecord, RequestsApi, ResultsApi } from "@sate/contracts";

/**
 * What the gateway needs from outside. Obligations of every port: no call takes longer than its adapter's
 * deadline, and one that got no answer rejects with `Unavailable`: what was asked may then have happened.
 */

/** A database, broker or service did not answer, or not in time. `message` is fit for the log, not for clients: it may name a service. */
export class Unavailable extends Error {
  override name = "Unavailable";
}

/** What the gateway asks of requests-service. Every operation may be repeated. */
export type Requests = Pick<
  RequestsApi,
  | "createRequests"
  | "getRequest"
  | "listRequests"
  | "createExecutions"
  | "getExecution"
  | "listExecutions"
  | "cancelExecution"
>;

/** What the gateway asks of results-service. It knows no requests: what it does not know is an empty list. */
export type Results = Pick<ResultsApi, "resultsOfRequest" | "resultsOfExecution">;

/** Publishes records durably: acknowledged by the broker when it resolves. All or nothing is not promised; repeating is safe for readers. */
export type Publisher = {
  publish(records: OutgoingRecord[]): Promise<void>;
  /** Resolves when the broker answers and the topics are there. */
  open(): Promise<void>;
  ping(): Promise<void>;
  /** Safe before open, and twice. */
  close(): Promise<void>;
};

/** Wall clock, epoch ms: only for dates that people read. */
export type Clock = () => number;
