import type { Requests, Results } from "./ports.ts";
import { overloaded } from "./refusal.ts";
import { turnstile } from "./turnstile.ts";

/** A page can be large, so this many are read at once, of each service. */
const bounds = { atOnce: 64, waitingMax: 2_000, waitMsMax: 3_000, full: overloaded };

/** The reading operations of both services, and cancelling, with a bound on those under way. */
export function boundedReads({ requests, results }: { requests: Requests; results: Results }) {
  const ofRequests = bounded();
  const ofResults = bounded();
  return {
    requests: {
      getRequest: ofRequests(requests.getRequest),
      listRequests: ofRequests(requests.listRequests),
      getExecution: ofRequests(requests.getExecution),
      listExecutions: ofRequests(requests.listExecutions),
      cancelExecution: ofRequests(requests.cancelExecution),
    },
    results: {
      resultsOfRequest: ofResults(results.resultsOfRequest),
      resultsOfExecution: ofResults(results.resultsOfExecution),
    },
  };
}

function bounded() {
  const turn = turnstile(bounds);
  return <A, B>(operation: (body: A) => Promise<B>) =>
    (body: A) =>
      turn(() => operation(body));
}
