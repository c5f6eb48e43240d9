import { type Static, Type } from "@sinclair/typebox";
import { ExecutionError } from "../values/execution.ts";
import { ExecutionKey, Uuid } from "../values/ids.ts";
import { limits } from "../values/limits.ts";
import { open } from "../values/object.ts";
import { Timestamp } from "../values/time.ts";
import type { ApiFunctions } from "./api.ts";
import { deadLetterOperations } from "./results-api/dead-letter-operations.ts";

export * from "./results-api/dead-letter-operations.ts";

/** A result as the Results DB stores it. */
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
    /** JSON text; `{}` for an execution that did not succeed. */
    outputs_json: Type.String(),
    error: Type.Optional(ExecutionError),
    force_error: Type.Boolean(),
    creation_date: Timestamp,
    payload_json: Type.String(),
    processor: Type.Optional(Type.String()),
    processor_version: Type.Optional(Type.String()),
    tries: Type.Optional(Type.Integer({ minimum: 1 })),
  },
  open,
);
export type ResultRecord = Static<typeof ResultRecord>;

/** The internal API of results-service. It has no requests: for an unknown one it returns no results. */
export const resultsApi = {
  /** Oldest first. `after_attempt` is the last attempt of the previous page. */
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
    response: Type.Object({ results: Type.Array(ResultRecord), more: Type.Boolean() }, open),
  },
  resultsOfExecution: {
    path: "/internal/results/of-execution",
    body: Type.Object({ request_id: Uuid, execution_id: Uuid }, open),
    response: Type.Object({ results: Type.Array(ResultRecord) }, open),
  },
  /** For each execution, in the order of the call, whether its result is durably recorded. That of a removed result is, and stays. */
  resultsRecorded: {
    path: "/internal/results/recorded",
    body: Type.Object({ executions: Type.Array(ExecutionKey, { maxItems: limits.confirmMax }) }, open),
    response: Type.Object({ recorded: Type.Array(Type.Boolean()) }, open),
  },
  ...deadLetterOperations,
} as const;

export type ResultsApi = ApiFunctions<typeof resultsApi>;
