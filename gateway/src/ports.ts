import type { RequestsApi, ResultsApi } from "@sate/contracts";

/**
 * What the gateway needs from outside. Obligations of every port: no call takes longer than its adapter's
 * deadline, and one that got no answer rejects with `Unavailable`: what was asked may then have happened.
 */

export { Unavailable } from "@sate/contracts";

/** What the gateway asks of requests-service. Every operation may be repeated. */
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

/** What the gateway asks of results-service. It knows no requests: what it does not know is an empty list. */
export type Results = Pick<ResultsApi, "resultsOfRequest" | "resultsOfExecution">;

/** Ms since some instant, never set back: only differences mean something. */
export type Monotonic = () => number;
