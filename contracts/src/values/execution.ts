import { type Static, Type } from "@sinclair/typebox";
import { Uuid } from "./ids.ts";
import { limits } from "./limits.ts";
import { open } from "./object.ts";
import { Timestamp } from "./time.ts";

/**
 * queued → running → succeeded | failed | dead_lettered | cancelled. A final status never changes.
 *
 * - failed: the handler reported it, or the deadline passed.
 * - dead_lettered: an unexpected error, or lost with its worker too often.
 */
export const ExecutionStatus = Type.Union(
  [
    Type.Literal("queued"),
    Type.Literal("running"),
    Type.Literal("succeeded"),
    Type.Literal("failed"),
    Type.Literal("dead_lettered"),
    Type.Literal("cancelled"),
  ],
  { description: "The status of the execution. All but queued and running are final." },
);
export type ExecutionStatus = Static<typeof ExecutionStatus>;

/**
 * Why an execution did not succeed. `code` is for programs: `forced_error`, `timeout`, `cancelled`,
 * `unexpected_error`, `process_died`, `unknown_processor`, `invalid_input`, `outputs_too_large`, `outputs_not_json`,
 * `expired`, `processor_withdrawn`, `lost`, or a handler's own.
 */
export const ExecutionError = Type.Object(
  {
    code: Type.String({
      minLength: 1,
      maxLength: 100,
      description: "A machine-readable code: one of Sate, such as timeout, or one of the processor.",
    }),
    message: Type.String({
      maxLength: limits.errorMessageBytesMax,
      description: "What went wrong, as text for a person.",
    }),
  },
  { ...open, description: "Why the execution did not succeed." },
);
export type ExecutionError = Static<typeof ExecutionError>;

/**
 * The codes by which Sate itself ends executions, so that no code of a processor is taken for one of them: its own
 * `timeout` is reported as `processor_timeout`.
 */
export const sateErrorCodes: readonly string[] = [
  "timeout",
  "cancelled",
  "lost",
  "expired",
  "processor_withdrawn",
  "unknown_processor",
  "unexpected_error",
  "process_died",
];

/** How a cancelled execution ends, whether or not it was running. */
export const cancelled: { status: "cancelled"; error: ExecutionError } = {
  status: "cancelled",
  error: { code: "cancelled", message: "The execution was cancelled." },
};

const ended = {
  /** Id of the result. Chosen with the outcome, so that every repetition of it is the same result. */
  result_id: Uuid,
  processing_start_time: Timestamp,
  processing_end_time: Timestamp,
  /** Seconds by the monotonic clock of the machine that ran it. */
  processing_total_seconds: Type.Number({ minimum: 0 }),
  /** How many tries there were. Absent if it never ran. */
  tries: Type.Optional(Type.Integer({ minimum: 1 })),
  /** The version of the processor that ran the last try. */
  processor_version: Type.Optional(Type.String({ maxLength: 100 })),
};

/** How an execution ended. Every execution has exactly one. */
export const Outcome = Type.Union([
  Type.Object(
    {
      status: Type.Literal("succeeded"),
      ...ended,
      outputs_json: Type.String({ minLength: 1 }),
    },
    open,
  ),
  Type.Object(
    {
      status: Type.Union([Type.Literal("failed"), Type.Literal("dead_lettered"), Type.Literal("cancelled")]),
      ...ended,
      error: ExecutionError,
    },
    open,
  ),
]);
export type Outcome = Static<typeof Outcome>;

/** How far a run has come, as its handler last reported it. */
export const Progress = Type.Object(
  {
    fraction: Type.Number({ minimum: 0, maximum: 1, description: "The completed part, from 0 to 1." }),
    message: Type.Optional(
      Type.String({ maxLength: limits.lineCharsMax, description: "The current step, as text for a person." }),
    ),
  },
  { ...open, description: "How far the run has come." },
);
export type Progress = Static<typeof Progress>;
