import { type Static, type TSchema, type TUnknown, Type } from "@sinclair/typebox";

// What modules import as "sate". One file without imports of its own, so that editors need no more than a path to it.
export { type Static, Type };

/** An expected failure. Its code and message are shown to the client. */
export class Failure extends Error {
  override name = "Failure";
  readonly code: string;
  /** `false`: another try would fail, too, so there is none. */
  readonly retryable: boolean;

  constructor(code: string, message: string, { retryable = true }: { retryable?: boolean } = {}) {
    super(message);
    this.code = code;
    this.retryable = retryable;
  }
}

/** The facts of a run, besides the payload. */
export type Context = {
  requestId: string;
  /** The same for every run of the execution: an idempotency key. */
  executionId: string;
  /** Grows with every run of the execution: a fencing token. */
  epoch: number;
  /** The number of the execution within its request: 1, 2, … */
  attempt: number;
  /** The number of the try within the execution: 1, 2, … */
  try: number;
  /** The client set `force_error`. The processor decides what that means. */
  forceError: boolean;
  /** The trace that the run belongs to. https://www.w3.org/TR/trace-context/ */
  traceparent?: string | undefined;
  /**
   * Aborted when the run must end, such as after a cancellation or a timeout. Its process is killed two seconds later.
   */
  signal: AbortSignal;
  /** The deadline of the run, by the clock of this machine. */
  deadline: Date;
  /** The payload exactly as it was sent, with digits that a JavaScript number would lose. */
  payloadText: string;
  /** Reports the progress of the run: a number from 0 to 1, and a line of text for users. */
  progress(fraction: number, message?: string): void;
  /** Writes a line to the run's log, as `console.log` does. */
  log(...values: unknown[]): void;
};

export type Definition<Input extends TSchema = TSchema, Output extends TSchema = TSchema> = {
  /** The schema of the payload. Sate refuses a payload that does not match it. */
  input?: Input;
  /** The schema of the outputs. Outputs that do not match it are an unexpected error. */
  output?: Output;
  /** The maximum duration of an execution, across all its tries. Default: the service's EXECUTION_SECONDS. */
  timeoutSeconds?: number;
  /** The maximum number of concurrent runs, per worker. */
  concurrency?: number;
  /** The maximum number of runs started per minute, per worker. */
  maxPerMinute?: number;
  /** Retries within one execution; none if absent. `tries` includes the first one. */
  retry?: { tries: number; firstSeconds?: number; maxSeconds?: number };
  /** The memory limit of each process of a run, in MiB; at least 320. No limit if absent. */
  memoryMib?: number;
  /**
   * `none` runs the module in the process of the service: faster, for code that you trust. Default: a child process.
   */
  isolation?: "process" | "none";
  /** `false` starts a new process for every run. */
  reuse?: boolean;
  /** Names of environment variables of the service that the module may read. */
  env?: string[];
  /**
   * Does the work and returns the outputs: any value that JSON can represent. A thrown `Failure` is an expected
   * failure; any other error is unexpected.
   */
  run(payload: Static<Input>, context: Context): Static<Output> | Promise<Static<Output>>;
};

/** Returns the definition as it is, with the types of its schemas. It must be the default export of the module. */
export function defineProcessor<Input extends TSchema = TUnknown, Output extends TSchema = TUnknown>(
  definition: Definition<Input, Output>,
): Definition<Input, Output> {
  return definition;
}
