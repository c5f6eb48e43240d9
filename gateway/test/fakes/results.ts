import type { ResultRecord } from "@sate/contracts";
import type { Results } from "../../src/ports.ts";

/** results-service in memory: what `records` holds, by attempt. */
export function fakeResults() {
  const records: ResultRecord[] = [];
  const calls: Record<string, number> = {};
  const control: { before: (body: never) => Promise<void> | void } = { before: () => {} };
  const count = async (name: string, body: unknown) => {
    calls[name] = (calls[name] ?? 0) + 1;
    await control.before(body as never);
  };
  const api: Results = {
    async resultsOfRequest(body) {
      const { request_id, limit, after_attempt = 0 } = body;
      await count("resultsOfRequest", body);
      const rest = records
        .filter((one) => one.request_id === request_id && one.attempt > after_attempt)
        .sort((a, b) => a.attempt - b.attempt);
      return { results: rest.slice(0, limit), more: rest.length > limit };
    },
    async resultsOfExecution(body) {
      const { request_id, execution_id } = body;
      await count("resultsOfExecution", body);
      const results = records.filter(
        (one) => one.request_id === request_id && one.execution_id === execution_id,
      );
      return { results };
    },
  };
  return { api, records, calls, control };
}
