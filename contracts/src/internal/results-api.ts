import { type Static, Type } from "@sinclair/typebox";
import { ExecutionError, Timestamp } from "../values/execution.ts";
import { ExecutionKey, Uuid } from "../values/ids.ts";
import { limits } from "../values/limits.ts";
import type { ApiFunctions } from "./api.ts";

const open = { additionalProperties: true } as const;

/** A result as the Results DB keeps it. */
export const ResultRecord = Type.Object(
  {
    id: Uuid,
    request_id: Uuid,
    attempt: Type.Integer({ minimum: 1 }),
    execution_id: Uuid,
    is_success: Type.Boolean(),
    processing_start_time: Timestamp,
    processing_end_time: Timestamp,
    processing_total_seconds: Type.Number(),
    /** JSON text; `{}` for a failed execution. */
    outputs_json: Type.String(),
    error: Type.Optional(ExecutionError),
    force_error: Type.Boolean(),
    creation_date: Timestamp,
    payload_json: Type.String(),
  },
  open,
);
export type ResultRecord = Static<typeof ResultRecord>;

/** The internal API of results-service. Of results that it does not have it answers just that; it knows no requests. */
export const resultsApi = {
  /** Oldest first; `after_attempt` is the last attempt of the page before. */
  resultsOfRequest: {
    path: "/internal/results/of-request",
    body: Type.Object(
      {
        request_id: Uuid,
        limit: Type.Integer({ minimum: 1, maximum: limits.pageMax }),
        after_attempt: Type.Optional(Type.Integer({ minimum: 0 })),
      },
      open,
    ),
    answer: Type.Object({ results: Type.Array(ResultRecord), more: Type.Boolean() }, open),
  },
  resultsOfExecution: {
    path: "/internal/results/of-execution",
    body: Type.Object({ request_id: Uuid, execution_id: Uuid }, open),
    answer: Type.Object({ results: Type.Array(ResultRecord) }, open),
  },
  /** For each in the order asked, whether its result is recorded for good. What is once recorded stays so. */
  resultsRecorded: {
    path: "/internal/results/recorded",
    body: Type.Object({ executions: Type.Array(ExecutionKey, { maxItems: limits.confirmMax }) }, open),
    answer: Type.Object({ recorded: Type.Array(Type.Boolean()) }, open),
  },
} as const;

export type ResultsApi = ApiFunctions<typeof resultsApi>;
