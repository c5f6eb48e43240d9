import { type Static, type TSchema, Type } from "@sinclair/typebox";
import { ExecutionError, ExecutionStatus, Timestamp } from "../values/execution.ts";
import { Uuid } from "../values/ids.ts";

/**
 * The REST bodies of the gateway. Fields and paths are those of the original; what is added is additive.
 * What clients send is closed (an unknown field is an error); what they are sent is open.
 */

const closed = { additionalProperties: false } as const;
const open = { additionalProperties: true } as const;

/** Any JSON value. As a required member it must be there, `null` included. */
export const Payload = Type.Unknown({ description: "Any JSON value. It comes back byte for byte." });

export const CreateRequest = Type.Object(
  {
    payload: Payload,
    processor: Type.Optional(
      Type.String({
        pattern: "^[a-z0-9][a-z0-9._-]{0,63}$",
        maxLength: 64,
        description: "The processor that executes it.",
      }),
    ),
  },
  { ...closed, description: "A processing request" },
);
export type CreateRequest = Static<typeof CreateRequest>;

export const CreateExecution = Type.Object(
  {
    force_error: Type.Optional(
      Type.Boolean({ default: false, description: "Makes the execution fail, to try it." }),
    ),
  },
  { ...closed, description: "An attempt to execute a processing request. The body may be left out." },
);
export type CreateExecution = Static<typeof CreateExecution>;

export const ProcessingRequest = Type.Object(
  { id: Uuid, payload: Payload, processor: Type.Optional(Type.String()) },
  open,
);

export const StoredRequest = Type.Object(
  { id: Uuid, payload: Payload, processor: Type.Optional(Type.String()), creation_date: Timestamp },
  open,
);

export const Execution = Type.Object(
  {
    id: Uuid,
    force_error: Type.Boolean(),
    creation_date: Timestamp,
    processing_request: Type.Object({ id: Uuid, payload: Payload }, open),
  },
  open,
);

const progress = {
  status: ExecutionStatus,
  attempt: Type.Integer({ minimum: 1 }),
  runs: Type.Integer({ minimum: 0, description: "How often a run of it was started." }),
  lost: Type.Integer({ minimum: 0, description: "How many runs were lost with their worker." }),
  error: Type.Optional(ExecutionError),
  results_uri: Type.String(),
};

export const ExecutionState = Type.Object(
  {
    id: Uuid,
    force_error: Type.Boolean(),
    creation_date: Timestamp,
    processing_request: Type.Object({ id: Uuid, payload: Payload }, open),
    ...progress,
  },
  open,
);

export const ExecutionSummary = Type.Object(
  {
    id: Uuid,
    force_error: Type.Boolean(),
    creation_date: Timestamp,
    processing_request: Type.Object({ id: Uuid }, open),
    ...progress,
  },
  open,
);

const page = <T extends TSchema>(name: string, entry: T) =>
  Type.Object(
    {
      [name]: Type.Array(entry),
      next_uri: Type.Optional(Type.String({ description: "The next page; absent on the last." })),
    },
    open,
  );

export const RequestPage = page("requests", StoredRequest);
export const ExecutionPage = page("executions", ExecutionSummary);

export const Result = Type.Object(
  {
    id: Uuid,
    is_success: Type.Boolean(),
    processing_start_time: Timestamp,
    processing_end_time: Timestamp,
    processing_total_seconds: Type.Number(),
    outputs: Type.Unknown({ description: "What the processor gave; {} if it failed." }),
    error: Type.Optional(ExecutionError),
    execution: Execution,
  },
  open,
);
export const Results = page("results", Result);
