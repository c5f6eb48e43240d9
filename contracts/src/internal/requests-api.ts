import { type Static, type TSchema, Type } from "@sinclair/typebox";
import { ExecutionError, ExecutionStatus, Outcome, Progress } from "../values/execution.ts";
import { ExecutionKey, Traceparent, Uuid } from "../values/ids.ts";
import { limits } from "../values/limits.ts";
import { ProcessorAnnouncement } from "../values/processor.ts";
import { Timestamp } from "../values/time.ts";
import type { ApiFunctions } from "./api.ts";

/**
 * The internal API of requests-service. Payloads and outputs travel as JSON text in `…_json` strings. Instants (`…_at`,
 * `start_after`) are ms since 1970 by the clock of the Requests DB.
 *
 * Every operation is idempotent: callers choose the ids, and a repetition returns what the first call returned or
 * would have returned.
 */

const open = { additionalProperties: true } as const;
const batch = <T extends TSchema>(item: T, itemsMax: number = limits.batchItemsMax) =>
  Type.Array(item, { maxItems: itemsMax });
const Instant = Type.Integer({ minimum: 0 });
const tagged = <K extends string>(kind: K) => Type.Object({ kind: Type.Literal(kind) }, open);

export const NewRequest = Type.Object(
  { id: Uuid, payload_json: Type.String({ minLength: 1 }), processor: Type.Optional(Type.String()) },
  open,
);
export type NewRequest = Static<typeof NewRequest>;

export const RequestRecord = Type.Object(
  {
    id: Uuid,
    payload_json: Type.String(),
    processor: Type.Optional(Type.String()),
    creation_date: Timestamp,
  },
  open,
);
export type RequestRecord = Static<typeof RequestRecord>;

export const ExecutionRecord = Type.Object(
  {
    id: Uuid,
    request_id: Uuid,
    attempt: Type.Integer({ minimum: 1 }),
    force_error: Type.Boolean(),
    creation_date: Timestamp,
    status: ExecutionStatus,
    /** The number of runs so far, and the fencing token of the last one. */
    epoch: Type.Integer({ minimum: 0 }),
    lost: Type.Integer({ minimum: 0 }),
    processor: Type.String(),
    /** The number of tries that have ended. */
    tries: Type.Integer({ minimum: 0 }),
    /** While it waits for a retry, or for the start that the client asked for: the next run does not start before. */
    start_after: Type.Optional(Instant),
    /** It ends as `expired` if its first run has not started by then. */
    expires_at: Type.Optional(Instant),
    /** From its first run on: it ends as `timeout` then, across tries and lost runs. */
    deadline_at: Type.Optional(Instant),
    progress: Type.Optional(Progress),
    error: Type.Optional(ExecutionError),
  },
  open,
);
export type ExecutionRecord = Static<typeof ExecutionRecord>;

export const NewExecution = Type.Object(
  {
    id: Uuid,
    request_id: Uuid,
    force_error: Type.Boolean(),
    /** The gateway's policy: the maximum failed executions per request. */
    max_failures: Type.Integer({ minimum: 1 }),
    traceparent: Type.Optional(Traceparent),
    /** At most the maximum of the processor, which also is the default. */
    timeout_seconds: Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: limits.timeoutSecondsMax })),
    start_after: Type.Optional(Instant),
    expires_in_seconds: Type.Optional(
      Type.Number({ exclusiveMinimum: 0, maximum: limits.startAheadSecondsMax }),
    ),
  },
  open,
);
export type NewExecution = Static<typeof NewExecution>;

/** The result of an attempt to create an execution. Refusals are data; the gateway explains them. */
export const Admission = Type.Union([
  Type.Object({ kind: Type.Literal("created"), execution: ExecutionRecord, request: RequestRecord }, open),
  tagged("unknown_request"),
  Type.Object({ kind: Type.Literal("active"), execution_id: Uuid }, open),
  Type.Object({ kind: Type.Literal("succeeded"), execution_id: Uuid }, open),
  Type.Object(
    { kind: Type.Literal("exhausted"), failures: Type.Integer(), max_failures: Type.Integer() },
    open,
  ),
  /** The processor was never announced, or is withdrawn; `known` are those that may be named. */
  Type.Object({ kind: Type.Literal("unknown_processor"), known: Type.Array(Type.String()) }, open),
  Type.Object({ kind: Type.Literal("timeout_too_long"), max_seconds: Type.Number() }, open),
  /** `start_after` is more than `limits.startAheadSecondsMax` ahead. */
  tagged("start_too_far"),
]);
export type Admission = Static<typeof Admission>;

/** An attempt that was refused as `exhausted`, with the numbers of that refusal. It refers to its request: the payload is not repeated. */
export const RefusedExecution = Type.Object(
  {
    id: Uuid,
    request_id: Uuid,
    force_error: Type.Boolean(),
    failures: Type.Integer({ minimum: 0 }),
    max_failures: Type.Integer({ minimum: 1 }),
    traceparent: Type.Optional(Traceparent),
  },
  open,
);
export type RefusedExecution = Static<typeof RefusedExecution>;

/** An execution as a record names it. `execution_id` must match the stored execution. */
export const ExecutionRef = Type.Composite([ExecutionKey, Type.Object({ execution_id: Uuid })], open);
export type ExecutionRef = Static<typeof ExecutionRef>;

/** One run of an execution: `epoch` is the number of the run and its fencing token. */
export const RunRef = Type.Composite(
  [ExecutionRef, Type.Object({ epoch: Type.Integer({ minimum: 1 }) })],
  open,
);
export type RunRef = Static<typeof RunRef>;

/** Everything that a processor needs for a run. */
export const Run = Type.Composite(
  [
    RunRef,
    Type.Object({
      force_error: Type.Boolean(),
      creation_date: Timestamp,
      payload_json: Type.String(),
      processor: Type.String(),
      traceparent: Type.Optional(Type.String()),
      /** The number of this try: 1, 2, … */
      try: Type.Integer({ minimum: 1 }),
      /** The time until the deadline of the execution, when it was claimed. */
      left_ms: Type.Integer({ minimum: 0 }),
    }),
  ],
  open,
);
export type Run = Static<typeof Run>;

export const FinishedRun = Type.Composite([RunRef, Type.Object({ outcome: Outcome })], open);
export type FinishedRun = Static<typeof FinishedRun>;

/**
 * An outbox mark: something that must still be published. `execution:<n>` is the wake-up for a queued execution whose
 * epoch is n; `outcome` is the outcome of a final one.
 */
const OutboxMark = Type.String({ pattern: "^(execution:[0-9]{1,9}|outcome)$", maxLength: 20 });
export const executionMark = (epoch: number): string => `execution:${epoch}`;
export const outcomeMark = "outcome";

const Claimed = Type.Object(
  {
    runs: Type.Array(Run),
    /** The number of named executions that are running or final, wait, or are for a processor that the claim does not name. */
    refused: Type.Integer(),
    /** The number of named executions that do not exist. */
    unknown: Type.Integer(),
    /** The number of named executions left queued because all payloads together would exceed `limits.claimBytesMax`. */
    left: Type.Optional(Type.Integer()),
  },
  open,
);

const worker = { worker_id: Uuid };

/** What a claim may return. Without it, executions of every processor, with the deadline `defaultTimeoutSeconds`. */
const Claimable = Type.Object(
  {
    name: Type.String(),
    /** How many runs of this processor the worker has room for. Only `claimAny` heeds it. */
    limit: Type.Integer({ minimum: 0 }),
    /** The deadline of an execution whose first run this is, unless the client asked for a shorter one. */
    timeout_seconds: Type.Number({ exclusiveMinimum: 0 }),
  },
  open,
);
export type Claimable = Static<typeof Claimable>;
const claimable = { processors: Type.Optional(batch(Claimable, limits.workerProcessorsMax)) };
export const defaultTimeoutSeconds = 300;

/** What is known of a processor: the newest announcement of it, and who serves it. */
export const ProcessorRecord = Type.Composite(
  [
    ProcessorAnnouncement,
    Type.Object({
      /** 0 for the built-in simulation as long as no worker has announced it. */
      announced_at: Instant,
      /** All that serve it and whose lease has not expired. */
      workers: Type.Array(
        Type.Object({ id: Uuid, name: Type.Optional(Type.String()), seen_at: Type.Optional(Instant) }, open),
      ),
    }),
  ],
  open,
);
export type ProcessorRecord = Static<typeof ProcessorRecord>;

/** A part of a run's log, in the order of `sequence`, which starts at 0. Lines end with a line feed. */
export const LogChunk = Type.Composite(
  [
    RunRef,
    Type.Object({
      sequence: Type.Integer({ minimum: 0, maximum: 1_000_000 }),
      text: Type.String({ maxLength: limits.logChunkBytesMax }),
    }),
  ],
  open,
);
export type LogChunk = Static<typeof LogChunk>;

export const requestsApi = {
  createRequests: {
    path: "/internal/requests/create",
    body: Type.Object({ requests: batch(NewRequest) }, open),
    /** In the order of the batch. `conflict`: another request has this id. */
    response: Type.Object({ answers: Type.Array(Type.Union([tagged("created"), tagged("conflict")])) }, open),
  },
  getRequest: {
    path: "/internal/requests/get",
    body: Type.Object({ request_id: Uuid }, open),
    response: Type.Union([
      Type.Object({ kind: Type.Literal("found"), request: RequestRecord }, open),
      tagged("unknown_request"),
    ]),
  },
  /** Newest first. `before` is the last id of the previous page. */
  listRequests: {
    path: "/internal/requests/list",
    body: Type.Object(
      { limit: Type.Integer({ minimum: 1, maximum: limits.pageMax }), before: Type.Optional(Uuid) },
      open,
    ),
    response: Type.Object({ requests: Type.Array(RequestRecord), more: Type.Boolean() }, open),
  },
  createExecutions: {
    path: "/internal/executions/create",
    body: Type.Object({ executions: batch(NewExecution) }, open),
    response: Type.Object({ answers: Type.Array(Admission) }, open),
  },
  /** Durable when it returns; published to the dead letter queue afterwards, once the broker accepts it. */
  recordRefusals: {
    path: "/internal/refusals/record",
    body: Type.Object({ refusals: batch(RefusedExecution) }, open),
    /** In the order of the batch. */
    response: Type.Object({ answers: Type.Array(tagged("recorded")) }, open),
  },
  getExecution: {
    path: "/internal/executions/get",
    body: Type.Object({ request_id: Uuid, execution_id: Uuid }, open),
    response: Type.Union([
      Type.Object({ kind: Type.Literal("found"), execution: ExecutionRecord, request: RequestRecord }, open),
      tagged("unknown_request"),
      tagged("unknown_execution"),
    ]),
  },
  /** Oldest first. `after_attempt` is the last attempt of the previous page. */
  listExecutions: {
    path: "/internal/executions/list",
    body: Type.Object(
      {
        request_id: Uuid,
        limit: Type.Integer({ minimum: 1, maximum: limits.pageMax }),
        after_attempt: Type.Optional(Type.Integer({ minimum: 0 })),
      },
      open,
    ),
    response: Type.Union([
      Type.Object(
        { kind: Type.Literal("found"), executions: Type.Array(ExecutionRecord), more: Type.Boolean() },
        open,
      ),
      tagged("unknown_request"),
    ]),
  },
  /** A queued execution ends at once; a running one after its worker's next heartbeat. */
  cancelExecution: {
    path: "/internal/executions/cancel",
    body: Type.Object({ request_id: Uuid, execution_id: Uuid }, open),
    response: Type.Union([
      Type.Object(
        { kind: Type.Literal("cancelled"), execution: ExecutionRecord, request: RequestRecord },
        open,
      ),
      Type.Object(
        { kind: Type.Literal("cancelling"), execution: ExecutionRecord, request: RequestRecord },
        open,
      ),
      Type.Object({ kind: Type.Literal("ended"), execution: ExecutionRecord }, open),
      tagged("unknown_request"),
      tagged("unknown_execution"),
    ]),
  },
  /**
   * May be repeated when its processors have changed. The newest announcement of a name replaces the earlier ones and
   * ends its withdrawal. `refused`: names that stay unknown, because `limits.processorsMax` names or
   * `limits.processorsBytesMax` of announcements are known already. Nothing is announced for a worker whose lease has
   * expired, which it learns from its next heartbeat.
   */
  registerWorker: {
    path: "/internal/workers/register",
    body: Type.Object(
      {
        ...worker,
        name: Type.Optional(Type.String({ maxLength: 255 })),
        processors: Type.Optional(batch(ProcessorAnnouncement, limits.workerProcessorsMax)),
      },
      open,
    ),
    response: Type.Object(
      {
        refused: Type.Optional(Type.Array(Type.String())),
        /** LEASE_SECONDS: for workers that do not know it. */
        lease_seconds: Type.Optional(Type.Number({ exclusiveMinimum: 0 })),
      },
      open,
    ),
  },
  /**
   * `runs`: those that the database holds for this worker. `given_up`: the lease expired, and the id can never be used
   * again.
   *
   * `held`, for workers that do not compare by themselves: what the database holds for the worker is requeued, except
   * these runs and those of the claim `claim_id`. So a claim whose response was lost leaves nothing running. Such a
   * worker
   *
   * - has one claim under way at a time, and names it in `claim_id`; without one, the last claim that it sent;
   * - has one heartbeat under way at a time, and begins no new claim while a heartbeat is unanswered, because one that
   *   is late would requeue the runs of the new claim (a claim may be under way, or be repeated, meanwhile);
   * - lists a run, with its epoch, until the call that finishes or returns it is answered.
   */
  heartbeat: {
    path: "/internal/workers/heartbeat",
    body: Type.Object(
      {
        ...worker,
        progress: Type.Optional(
          batch(Type.Composite([RunRef, Type.Object({ progress: Progress })], open), limits.workerRunsMax),
        ),
        held: Type.Optional(batch(RunRef, limits.workerRunsMax)),
        claim_id: Type.Optional(Uuid),
      },
      open,
    ),
    response: Type.Union([
      Type.Object(
        {
          kind: Type.Literal("alive"),
          runs: Type.Array(Type.Composite([RunRef, Type.Object({ cancel: Type.Boolean() })], open)),
        },
        open,
      ),
      tagged("given_up"),
    ]),
  },
  /** A clean stop: requeues the runs that the worker still holds. They do not count as lost. */
  endWorker: {
    path: "/internal/workers/end",
    body: Type.Object(worker, open),
    response: Type.Object({ handed_back: Type.Integer() }, open),
  },
  /** `claim_id` is new for every claim and the same in its repetitions, which then return the same runs. */
  claim: {
    path: "/internal/runs/claim",
    body: Type.Object(
      { ...worker, claim_id: Uuid, executions: batch(ExecutionRef, limits.claimMax), ...claimable },
      open,
    ),
    response: Claimed,
  },
  /** Claims up to `limit` queued executions: for a processor that has capacity and receives no records. */
  claimAny: {
    path: "/internal/runs/claim-any",
    body: Type.Object(
      {
        ...worker,
        claim_id: Uuid,
        limit: Type.Integer({ minimum: 1, maximum: limits.claimMax }),
        ...claimable,
      },
      open,
    ),
    response: Claimed,
  },
  /** The commit point. `stored`: also if the same outcome was stored before. `refused`: the epoch is stale, or the execution has another outcome. */
  finish: {
    path: "/internal/runs/finish",
    body: Type.Object(
      {
        runs: batch(FinishedRun),
        /** Whether requests-service publishes the outcomes, as the caller cannot. */
        publish: Type.Optional(Type.Boolean()),
      },
      open,
    ),
    response: Type.Object(
      { answers: Type.Array(Type.Union([tagged("stored"), tagged("refused"), tagged("unknown")])) },
      open,
    ),
  },
  /**
   * A try failed and there will be another: requeues the execution for after `delay_ms`. `ended`: a cancellation was
   * requested, so it is cancelled instead. `retrying`: also if an earlier call did it.
   */
  retryLater: {
    path: "/internal/runs/retry-later",
    body: Type.Object(
      {
        runs: batch(
          Type.Composite(
            [
              RunRef,
              Type.Object({
                delay_ms: Type.Integer({ minimum: 1, maximum: limits.timeoutSecondsMax * 1_000 }),
                error: ExecutionError,
              }),
            ],
            open,
          ),
        ),
      },
      open,
    ),
    response: Type.Object(
      {
        answers: Type.Array(
          Type.Union([tagged("retrying"), tagged("ended"), tagged("refused"), tagged("unknown")]),
        ),
      },
      open,
    ),
  },
  /** Requeues runs. They do not count as lost. */
  handBack: {
    path: "/internal/runs/hand-back",
    body: Type.Object({ runs: batch(RunRef, limits.workerRunsMax) }, open),
    response: Type.Object({ handed_back: Type.Integer() }, open),
  },
  /** Clears the outbox marks of what the caller has published. */
  markPublished: {
    path: "/internal/outbox/published",
    body: Type.Object(
      { published: batch(Type.Composite([ExecutionKey, Type.Object({ mark: OutboxMark })], open), 4_096) },
      open,
    ),
    response: Type.Object({}, open),
  },
  /** By name. `without_inputs`: the caller needs no input schemas, so `input_json` may be left out. */
  listProcessors: {
    path: "/internal/processors/list",
    body: Type.Object({ without_inputs: Type.Optional(Type.Boolean()) }, open),
    response: Type.Object({ processors: Type.Array(ProcessorRecord) }, open),
  },
  getProcessor: {
    path: "/internal/processors/get",
    body: Type.Object({ name: Type.String() }, open),
    response: Type.Union([
      Type.Object({ kind: Type.Literal("found"), processor: ProcessorRecord }, open),
      Type.Object({ kind: Type.Literal("unknown_processor"), known: Type.Array(Type.String()) }, open),
    ]),
  },
  /**
   * Ends what waits for the processor as failed, now and until a worker announces it again. `served`: by a live worker;
   * the built-in simulation counts as served, because it runs the requests that name no processor.
   */
  withdrawProcessor: {
    path: "/internal/processors/withdraw",
    body: Type.Object({ name: Type.String() }, open),
    response: Type.Union([
      tagged("withdrawn"),
      Type.Object({ kind: Type.Literal("unknown_processor"), known: Type.Array(Type.String()) }, open),
      tagged("served"),
    ]),
  },
  /**
   * Best effort: a chunk that exists already is left as it is, and one of a run that does not exist, or beyond
   * `limits.logStoredBytesMax` of its run, is dropped. The chunks of a run are sent one call at a time, in order.
   */
  appendLogs: {
    path: "/internal/logs/append",
    body: Type.Object({ chunks: batch(LogChunk) }, open),
    response: Type.Object({}, open),
  },
  /** Oldest first, of one run or of all, by epoch and sequence, within `limits.pageBytesMax`. */
  readLog: {
    path: "/internal/logs/read",
    body: Type.Object(
      {
        request_id: Uuid,
        execution_id: Uuid,
        epoch: Type.Optional(Type.Integer({ minimum: 1 })),
        after: Type.Optional(Type.Object({ epoch: Type.Integer(), sequence: Type.Integer() }, open)),
      },
      open,
    ),
    response: Type.Union([
      Type.Object({ kind: Type.Literal("found"), chunks: Type.Array(LogChunk), more: Type.Boolean() }, open),
      tagged("unknown_request"),
      tagged("unknown_execution"),
    ]),
  },
} as const;

export type RequestsApi = ApiFunctions<typeof requestsApi>;
