import type { RequestsApi, ResultsApi } from "@sate/contracts";
import type { Counters, Log } from "@sate/contracts/runtime";

/** The gateway's operations of requests-service. Every operation may be repeated. Rejects with `Unavailable`. */
export type Requests = Pick<
  RequestsApi,
  | "createRequests"
  | "getRequest"
  | "listRequests"
  | "createExecutions"
  | "recordRefusals"
  | "getExecution"
  | "listExecutions"
  | "cancelExecution"
>;

/** The gateway's operations of results-service, which knows no requests: an unknown one has no results. */
export type Results = Pick<ResultsApi, "resultsOfRequest" | "resultsOfExecution">;

/** Milliseconds from a fixed instant; never goes back. */
export type Monotonic = () => number;

export type Ports = {
  requests: Requests;
  results: Results;
  monotonic: Monotonic;
  newId: () => string;
  log: Log;
  counters: Counters;
  /** Why other services of the same process are not ready, a sentence each. */
  othersNotReady?: () => Promise<string[]>;
};
