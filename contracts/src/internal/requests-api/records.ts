import { type Static, Type } from "@sinclair/typebox";
import { ExecutionError, ExecutionStatus, Outcome, Progress } from "../../values/execution.ts";
import { ExecutionKey, Sha256, Traceparent, Uuid } from "../../values/ids.ts";
import { limits } from "../../values/limits.ts";
import { open } from "../../values/object.ts";
import { ProcessorAnnouncement } from "../../values/processor.ts";
import { Timestamp } from "../../values/time.ts";
import { Instant, tagged } from "./schema.ts";

/**
 * The Idempotency-Key of a call. `hash` is of the key and its scope, `body_hash` of what was sent with it: another body
 * with the same key is an error of the client.
 */
export const IdempotencyKey = Type.Object({ hash: Sha256, body_hash: Sha256 }, open);
export type IdempotencyKey = Static<typeof IdempotencyKey>;

/**
 * The start mark of a request: what its first execution will be. It is stored with the request, in the same write, and
 * cleared once the first attempt exists.
 */
export const Start = Type.Object(
  {
    execution_id: Uuid,
    max_failures: Type.Integer({ minimum: 1 }),
    force_error: Type.Optional(Type.Boolean()),
    traceparent: Type.Optional(Traceparent),
    key: Type.Optional(IdempotencyKey),
  },
  open,
);
export type Start = Static<typeof Start>;

/** The gateway checks them: `Labels`. */
const LabelsRecord = Type.Record(Type.String(), Type.String());

export const NewRequest = Type.Object(
  {
    id: Uuid,
    payload_json: Type.String({ minLength: 1 }),
    processor: Type.Optional(Type.String()),
    labels: Type.Optional(LabelsRecord),
    start: Type.Optional(Start),
    key: Type.Optional(IdempotencyKey),
    /** The caller refuses it, and the result is `refused`, unless an earlier call with the same key was accepted. */
    is_refused: Type.Optional(Type.Boolean()),
  },
  open,
);
export type NewRequest = Static<typeof NewRequest>;

export const RequestRecord = Type.Object(
  {
    id: Uuid,
    payload_json: Type.String(),
    processor: Type.Optional(Type.String()),
    labels: Type.Optional(LabelsRecord),
    creation_date: Timestamp,
    /** Only until the first attempt exists. */
    start: Type.Optional(Start),
    /** It is a stub: its payload and labels were removed at this instant, and it cannot be executed. */
    removed_at: Type.Optional(Instant),
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
    /** Those of its request. */
    labels: Type.Optional(LabelsRecord),
    /** The number of tries that have ended. */
    tries: Type.Integer({ minimum: 0 }),
    /** While it waits for a retry, or for the start that the client asked for: the next run does not start before. */
    start_after: Type.Optional(Instant),
    /** It fails as `expired` if its first run has not started by then. */
    expires_at: Type.Optional(Instant),
    /** Set by its first run: it fails as `timeout` then, whatever the number of tries and lost runs. */
    deadline_at: Type.Optional(Instant),
    progress: Type.Optional(Progress),
    error: Type.Optional(ExecutionError),
    /** Its result, error and log were removed at this instant. */
    removed_at: Type.Optional(Instant),
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
    key: Type.Optional(IdempotencyKey),
  },
  open,
);
export type NewExecution = Static<typeof NewExecution>;

/** The processor was never announced, or is withdrawn; `known` are those that may be named. */
const unknownProcessor = Type.Object(
  { kind: Type.Literal("unknown_processor"), known: Type.Array(Type.String()) },
  open,
);

const refusedAdmissions = [
  tagged("unknown_request"),
  Type.Object({ kind: Type.Literal("active"), execution_id: Uuid }, open),
  Type.Object({ kind: Type.Literal("succeeded"), execution_id: Uuid }, open),
  Type.Object(
    { kind: Type.Literal("exhausted"), failures: Type.Integer(), max_failures: Type.Integer() },
    open,
  ),
  /** Another execution of the request was created with this key and another body. */
  tagged("key_reused"),
  /** The request is a stub: its content was removed. */
  tagged("removed"),
  unknownProcessor,
  Type.Object({ kind: Type.Literal("timeout_too_long"), max_seconds: Type.Number() }, open),
  /** `start_after` is more than `limits.startAheadSecondsMax` ahead. */
  tagged("start_too_far"),
  /** The execution would expire before its `start_after`. */
  tagged("expires_before_start"),
] as const;

export const RefusedAdmission = Type.Union([...refusedAdmissions]);
export type RefusedAdmission = Static<typeof RefusedAdmission>;

/** `is_replay`: an earlier call with the same key created it, under another id. */
const created = { kind: Type.Literal("created"), execution: ExecutionRecord, is_replay: Type.Boolean() };

/** The result of an attempt to create an execution. Refusals are data; the gateway explains them. */
export const Admission = Type.Union([
  Type.Object({ ...created, request: RequestRecord }, open),
  ...refusedAdmissions,
]);
export type Admission = Static<typeof Admission>;

/** The same of the execution that a start mark asks for. Its caller has the payload: the request is not sent back. */
export const StartAdmission = Type.Union([Type.Object(created, open), ...refusedAdmissions]);
export type StartAdmission = Static<typeof StartAdmission>;

/**
 * The result of an attempt to create a request. `conflict`: another request has this id. `removed`: this one was created
 * before, and its content has been removed. Refusals are decided before anything is stored.
 */
export const RequestAdmission = Type.Union([
  Type.Object(
    {
      kind: Type.Literal("created"),
      /** That of the first call with the same key, which then is a replay. */
      request_id: Uuid,
      is_replay: Type.Boolean(),
      /** Present if the call has a start mark. */
      admission: Type.Optional(StartAdmission),
    },
    open,
  ),
  tagged("conflict"),
  tagged("key_reused"),
  tagged("removed"),
  tagged("refused"),
  unknownProcessor,
]);
export type RequestAdmission = Static<typeof RequestAdmission>;

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

/** The reference without the other fields of the value. */
export function runRef({ request_id, attempt, execution_id, epoch }: RunRef): RunRef {
  return { request_id, attempt, execution_id, epoch };
}

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

/** A processor: its newest announcement, and the workers that serve it. */
export const ProcessorRecord = Type.Composite(
  [
    ProcessorAnnouncement,
    Type.Object({
      /** 0 for the built-in simulation as long as no worker has announced it. */
      announced_at: Instant,
      /** The workers that serve it and whose lease has not expired. */
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

/**
 * An outbox mark: something that must still be published. `execution:<n>` is the wake-up for a queued execution whose
 * epoch is n; `outcome` is the outcome of a final one.
 */
export const OutboxMark = Type.String({ pattern: "^(execution:[0-9]{1,9}|outcome)$", maxLength: 20 });
export const executionMark = (epoch: number): string => `execution:${epoch}`;
export const outcomeMark = "outcome";
