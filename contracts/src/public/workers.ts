import { type Static, Type } from "@sinclair/typebox";
import { Progress } from "../values/execution.ts";
import { Uuid } from "../values/ids.ts";
import { limits } from "../values/limits.ts";
import { closed, open } from "../values/object.ts";
import { ProcessorName, RetryPolicy } from "../values/processor.ts";
import { Timestamp } from "../values/time.ts";
import { Payload } from "./requests.ts";

/** The bodies of remote workers in the public REST API. */

/** How long a claim may wait for runs. */
export const claimWaitSecondsMax = 30;
/** The runs of one claim. The gateway holds many responses at once, and each run may have a payload of 512 KiB. */
export const claimRunsMax = 16;

export const RegisterWorker = Type.Object(
  {
    name: Type.Optional(
      Type.String({ minLength: 1, maxLength: 255, description: "A display name for the worker." }),
    ),
    processors: Type.Array(
      Type.Object(
        {
          name: ProcessorName,
          input: Type.Optional(
            Type.Unknown({
              // For the document: the gateway checks it.
              type: ["object", "boolean"],
              description:
                "JSON Schema 2020-12 of the payload, without `pattern`, `patternProperties` and references to other documents. Absent if every payload is accepted.",
            }),
          ),
          timeout_seconds: Type.Optional(
            Type.Number({
              exclusiveMinimum: 0,
              maximum: limits.timeoutSecondsMax,
              description: "The maximum duration of an execution, across all its tries. 300 if absent.",
            }),
          ),
          concurrency: Type.Optional(
            Type.Integer({
              minimum: 1,
              maximum: limits.workerRunsMax,
              description:
                "The maximum number of runs of this processor per claim. The worker itself limits how many it holds in total.",
            }),
          ),
          retry: Type.Optional(Type.Object(RetryPolicy.properties, closed)),
          version: Type.Optional(Type.String({ minLength: 1, maxLength: 100 })),
        },
        closed,
      ),
      {
        minItems: 1,
        maxItems: limits.workerProcessorsMax,
        description: "The processors that the worker serves.",
      },
    ),
  },
  { ...closed, description: "A remote worker and the processors that it serves." },
);
export type RegisterWorker = Static<typeof RegisterWorker>;

export const RegisteredWorker = Type.Object(
  {
    worker_id: Uuid,
    heartbeat_seconds: Type.Number({
      description:
        "The interval between heartbeats. A worker that gets no response to two in a row must stop its runs, because another worker may already run them.",
    }),
  },
  open,
);

const ref = {
  request_id: Uuid,
  attempt: Type.Integer({ minimum: 1, maximum: limits.attemptMax }),
  execution_id: { ...Uuid, description: "The same for every run of the execution: an idempotency key." },
  epoch: Type.Integer({
    minimum: 1,
    maximum: 999_999_999,
    description: "The number of the run within its execution: a fencing token.",
  }),
};

export const ClaimRuns = Type.Object(
  {
    claim_id: {
      ...Uuid,
      description:
        "A new id for every claim. A repetition of a claim has the same id and returns the same runs.",
    },
    limit: Type.Integer({
      minimum: 1,
      maximum: claimRunsMax,
      description:
        "The maximum number of runs to return. A worker with capacity for more sends another claim.",
    }),
    wait_seconds: Type.Optional(
      Type.Number({
        minimum: 0,
        maximum: claimWaitSecondsMax,
        description: "The maximum time to wait for a run if nothing is queued. 0 if absent.",
      }),
    ),
  },
  { ...closed, description: "A claim of queued executions." },
);
export type ClaimRuns = Static<typeof ClaimRuns>;

export const ClaimedRuns = Type.Object(
  {
    runs: Type.Array(
      Type.Object(
        {
          ...ref,
          processor: Type.String({ description: "The processor to run." }),
          try: Type.Integer({ minimum: 1, description: "The number of this try." }),
          timeout_seconds: Type.Number({ description: "The time left until the deadline of the execution." }),
          force_error: Type.Boolean({ description: "Whether the client asked for the execution to fail." }),
          creation_date: Timestamp,
          traceparent: Type.Optional(Type.String({ description: "The trace context of the execution." })),
          payload: Payload,
        },
        open,
      ),
    ),
  },
  open,
);

export const WorkerHeartbeat = Type.Object(
  {
    claim_id: Type.Optional({
      ...Uuid,
      description:
        "The claim in progress, or otherwise the latest one. Its runs are kept even if they are not listed.",
    }),
    runs: Type.Array(
      Type.Object(
        {
          ...ref,
          progress: Type.Optional(Type.Object(Progress.properties, closed)),
          log: Type.Optional(
            Type.Object(
              {
                sequence: Type.Integer({
                  minimum: 0,
                  maximum: 1_000_000,
                  description:
                    "The number of this part of the run's log: 0, 1, …. A part that was sent before is ignored.",
                }),
                text: Type.String({
                  maxLength: limits.logChunkBytesMax,
                  description: "Lines of text, each ending with a line feed.",
                }),
              },
              closed,
            ),
          ),
        },
        closed,
      ),
      {
        maxItems: limits.workerRunsMax,
        description:
          "All runs that the worker holds. Runs of earlier claims that are not listed are requeued.",
      },
    ),
  },
  { ...closed, description: "A heartbeat, with the progress of the runs." },
);
export type WorkerHeartbeat = Static<typeof WorkerHeartbeat>;

const refs = (description: string) => Type.Array(Type.Object(ref, open), { description });

export const HeartbeatResponse = Type.Object(
  {
    cancel: refs("Runs whose cancellation was requested. Stop them, and finish them with any error."),
    lost: refs("Runs that no longer belong to the worker. Stop them, and do not finish them."),
  },
  open,
);

export const FinishRun = Type.Object(
  {
    ...ref,
    outputs: Type.Optional(
      Type.Unknown({ description: "The outputs of a successful run: any JSON value, stored byte for byte." }),
    ),
    error: Type.Optional(
      Type.Object(
        {
          code: Type.String({
            pattern: "^[A-Za-z0-9._:-]{1,90}$",
            description: "A machine-readable code for the error.",
          }),
          message: Type.String({ description: "What went wrong, as text for a person. Truncated to 4 KiB." }),
          retryable: Type.Optional(
            Type.Boolean({
              description:
                "Whether another try may succeed. Has no effect unless the processor has retries. true if absent.",
            }),
          ),
        },
        {
          ...closed,
          description: "The error of a failed run. Exactly one of outputs and error is required.",
        },
      ),
    ),
    seconds: Type.Optional(
      Type.Number({
        minimum: 0,
        maximum: limits.timeoutSecondsMax,
        description: "The duration of the run, measured with the monotonic clock of the worker. 0 if absent.",
      }),
    ),
  },
  { ...closed, description: "The outcome of a run." },
);
export type FinishRun = Static<typeof FinishRun>;

export const FinishResponse = Type.Object(
  {
    status: Type.Union(
      [Type.Literal("stored"), Type.Literal("retrying"), Type.Literal("refused"), Type.Literal("unknown")],
      {
        description:
          "The state of the run after the call. stored: the execution has ended, by this or an earlier call. retrying: there will be another try. refused: the run no longer belongs to this worker. unknown: there is no such run.",
      },
    ),
  },
  open,
);
