import type { DeadLetterEntry, DeadLetterRecord, ResultRecord } from "@sate/contracts";
import type { Results } from "../../src/ports.ts";

/** results-service in memory: what `records` holds, by attempt. */
export function fakeResults() {
  const records: ResultRecord[] = [];
  const deadLetters: DeadLetterRecord[] = [];
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
    async listDeadLetters(body) {
      await count("listDeadLetters", body);
      const { limit, reason, processor, since = 0, until = Number.POSITIVE_INFINITY, before } = body;
      const rest = deadLetters
        .filter((one) => reason === undefined || one.reason === reason)
        .filter((one) => processor === undefined || one.processor === processor)
        .filter(({ time }) => time >= since && time < until)
        .sort(newestFirst)
        .filter((one) => before === undefined || newestFirst(before, one) < 0);
      const page = rest.slice(0, limit);
      const { time = 0, id = "" } = page.at(-1) ?? {};
      const dead_letters = page.map(({ key_base64, value_base64, headers_json, ...entry }) => entry);
      return { dead_letters, ...(rest.length > limit && { next: { time, id } }) };
    },
    async getDeadLetter(body) {
      await count("getDeadLetter", body);
      const dead_letter = deadLetters.find(({ id }) => id === body.id);
      return dead_letter ? { kind: "found", dead_letter } : { kind: "unknown_dead_letter" };
    },
    async resultsRecorded(body) {
      await count("resultsRecorded", body);
      const isRecorded = (key: { request_id: string; attempt: number }) =>
        records.some((one) => one.request_id === key.request_id && one.attempt === key.attempt);
      return { recorded: body.executions.map(isRecorded) };
    },
  };
  return { api, records, deadLetters, calls, control };
}

function newestFirst(
  a: Pick<DeadLetterEntry, "time" | "id">,
  b: Pick<DeadLetterEntry, "time" | "id">,
): number {
  return b.time - a.time || (a.id < b.id ? 1 : a.id > b.id ? -1 : 0);
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
