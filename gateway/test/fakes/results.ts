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
    async resultsRecorded(body) {
      await count("resultsRecorded", body);
      const isRecorded = (key: { request_id: string; attempt: number }) =>
        records.some((one) => one.request_id === key.request_id && one.attempt === key.attempt);
      return { recorded: body.executions.map(isRecorded) };
    },
  };
  return { api, records, calls, control };
}

export const resultTime = "2020-11-07 16:26:04.319542";

/** A result as results-service returns it. */
export function result(request_id: string, attempt: number, more: Partial<ResultRecord> = {}): ResultRecord {
  return {
    id: Bun.randomUUIDv7(),
    request_id,
    attempt,
    execution_id: Bun.randomUUIDv7(),
    is_success: true,
    processing_start_time: resultTime,
    processing_end_time: resultTime,
    processing_total_seconds: 10.010077,
    outputs_json: '{"message":"pong","n":1e400}',
    force_error: false,
    creation_date: resultTime,
    payload_json: '{"2":0,"1":-0}',
    ...more,
  };
}
