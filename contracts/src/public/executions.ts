import { type Static, Type } from "@sinclair/typebox";
import { ExecutionError, ExecutionStatus } from "../values/execution.ts";
import { Uuid } from "../values/ids.ts";
import { Timestamp } from "../values/time.ts";
import { page } from "./page.ts";
import { Payload } from "./requests.ts";

/** The bodies of executions in the public REST API. As in requests.ts, what clients send is closed and what they receive is open. */

const closed = { additionalProperties: false } as const;
const open = { additionalProperties: true } as const;

export const CreateExecution = Type.Object(
  {
    // No `default`: Elysia would put it into a body that is no object, and so make an object of it.
    force_error: Type.Optional(
      Type.Boolean({ description: "Makes the execution fail, to test error handling. false if absent." }),
    ),
  },
  { ...closed, description: "An attempt to execute a processing request. The body is optional." },
);
export type CreateExecution = Static<typeof CreateExecution>;

const forceError = Type.Boolean({ description: "Whether the client asked for the execution to fail." });

export const Execution = Type.Object(
  {
    id: Uuid,
    force_error: forceError,
    creation_date: Timestamp,
    processing_request: Type.Object({ id: Uuid, payload: Payload }, open),
  },
  open,
);

const progress = {
  status: ExecutionStatus,
  attempt: Type.Integer({
    minimum: 1,
    description: "The number of this execution among those of its processing request.",
  }),
  runs: Type.Integer({ minimum: 0, description: "The number of runs started so far." }),
  lost: Type.Integer({ minimum: 0, description: "The number of runs that were lost with their worker." }),
  error: Type.Optional(ExecutionError),
  results_uri: Type.String({ description: "The URI of the execution's results." }),
};

export const ExecutionState = Type.Object(
  {
    id: Uuid,
    force_error: forceError,
    creation_date: Timestamp,
    processing_request: Type.Object({ id: Uuid, payload: Payload }, open),
    ...progress,
  },
  open,
);

export const ExecutionSummary = Type.Object(
  {
    id: Uuid,
    force_error: forceError,
    creation_date: Timestamp,
    processing_request: Type.Object({ id: Uuid }, open),
    ...progress,
  },
  open,
);

export const ExecutionPage = page("executions", ExecutionSummary);
