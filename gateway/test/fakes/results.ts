import type { ResultRecord } from "@sate/contracts";
import type { Results } from "../../src/ports.ts";

/** results-service in memory: what `records` holds, by attempt. */
export function fakeResults() {
  const records: ResultRecord[] = [];
  const calls: Record<string, number> = {};
  const control: { before: () => Promise<void> | void } = { before: () => {} };
  const count = async (name: string) => {
    calls[name] = (calls[name] ?? 0) + 1;
    await control.before();
  };
  const api: Results = {
    async resultsOfRequest({ request_id, limit, after_attempt = 0 }) {
      await count("resultsOfRequest");
      const rest = records
        .filter((one) => one.request_id === request_id && one.attempt > after_attempt)
        .sort((a, b) => a.attempt - b.attempt);
      return { results: rest.slice(0, limit), more: rest.length > limit };
    },
    async resultsOfExecution({ request_id, execution_id }) {
      await count("resultsOfExecution");
      const results = records.filter(
        (one) => one.request_id === request_id && one.execution_id === execution_id,
      );
      return { results };
    },
  };
  return { api, records, calls, control };
}
