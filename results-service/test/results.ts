import type { ResultRecord } from "@sate/contracts";

/** A result. Each call creates one of a new request, unless `parts` says otherwise. */
export function resultOf(parts: Partial<ResultRecord> = {}): ResultRecord {
  return {
    id: Bun.randomUUIDv7(),
    request_id: Bun.randomUUIDv7(),
    attempt: 1,
    execution_id: Bun.randomUUIDv7(),
    is_success: true,
    processing_start_time: "2020-11-07 16:54:14.434825",
    processing_end_time: "2020-11-07 16:54:24.441799",
    processing_total_seconds: 10.006974,
    outputs_json: '{"message":"pong"}',
    force_error: false,
    creation_date: "2020-11-07 16:31:58.103057",
    payload_json: '{"message":"ping"}',
    ...parts,
  };
}

export function failureOf(parts: Partial<ResultRecord> = {}): ResultRecord {
  const error = { code: "forced_error", message: "The failure was forced." };
  return resultOf({ is_success: false, outputs_json: "{}", force_error: true, error, ...parts });
}

/** Results of these attempts of one request. */
export function attemptsOf(requestId: string, attempts: number[], parts: Partial<ResultRecord> = {}) {
  return attempts.map((attempt) => resultOf({ request_id: requestId, attempt, ...parts }));
}
