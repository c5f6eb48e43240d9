import { type Static, Type } from "@sinclair/typebox";
import { ExecutionError, ExecutionStatus, Progress } from "../values/execution.ts";
import { Uuid } from "../values/ids.ts";
import { limits } from "../values/limits.ts";
import { closed, open } from "../values/object.ts";
import { instantPattern, Timestamp } from "../values/time.ts";
import { page } from "./page.ts";
import { Payload, returnedLabels } from "./requests.ts";
import { ResultOfExecution } from "./result-of-execution.ts";

/** The bodies of executions in the public REST API. */

export const CreateExecution = Type.Object(
  {
    // No `default`: Elysia would put it into a body that is no object, and so make an object of it.
    force_error: Type.Optional(
      Type.Boolean({ description: "Makes the execution fail, to test error handling. false if absent." }),
    ),
    timeout_seconds: Type.Optional(
      Type.Number({
        exclusiveMinimum: 0,
        maximum: limits.timeoutSecondsMax,
        description:
          "The maximum duration of the execution, from its first start and across all its tries. At most the maximum of its processor, which is the default.",
      }),
    ),
    start_after: Type.Optional(
      Type.String({
        pattern: instantPattern,
        maxLength: 40,
        description:
          "The earliest start of the execution: an RFC 3339 instant, such as 2030-01-31T09:00:00Z, at most a year ahead.",
      }),
    ),
    expires_in_seconds: Type.Optional(
      Type.Number({
        exclusiveMinimum: 0,
        maximum: limits.startAheadSecondsMax,
        description: "The execution fails as expired if it has not started within this time.",
      }),
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

const instant = (description: string) =>
  Type.Optional(Type.String({ ...Timestamp, description: `${description} A time in UTC.` }));

const progress = {
  processor: Type.String({ description: "The processor that executes the request." }),
  labels: returnedLabels,
  status: ExecutionStatus,
  attempt: Type.Integer({
    minimum: 1,
    description: "The number of this execution among those of its processing request.",
  }),
  runs: Type.Integer({ minimum: 0, description: "The number of runs started so far." }),
  lost: Type.Integer({ minimum: 0, description: "The number of runs that were lost with their worker." }),
  tries: Type.Integer({ minimum: 0, description: "The number of tries that have ended." }),
  start_after: instant("The earliest start of the execution or of its next try."),
  expires_at: instant("The execution fails as expired if it has not started by then."),
  deadline_at: instant("The execution fails with the code timeout if it has not ended by then."),
  progress: Type.Optional(Progress),
  error: Type.Optional(ExecutionError),
  removed_at: instant("When the result, the error and the log of the execution were removed."),
  results_uri: Type.String({ description: "The URI of the execution's results." }),
  log_uri: Type.String({ description: "The URI of the execution's log." }),
  events_uri: Type.String({ description: "The URI of the execution's event stream." }),
};

export const ExecutionState = Type.Object(
  {
    id: Uuid,
    force_error: forceError,
    creation_date: Timestamp,
    processing_request: Type.Object({ id: Uuid, payload: Payload }, open),
    ...progress,
    result: Type.Optional(ResultOfExecution),
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
