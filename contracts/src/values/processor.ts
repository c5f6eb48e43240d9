import { type Static, Type } from "@sinclair/typebox";
import { limits } from "./limits.ts";
import { open } from "./object.ts";

/** Names of processors. Names that begin with `sate:` are Sate's own and never match this. */
export const ProcessorName = Type.String({
  pattern: "^[a-z0-9][a-z0-9._-]{0,63}$",
  maxLength: 64,
  description: "The name of the processor.",
});

/** The name of a processor in a filter, which may be one of Sate's own. */
export const ProcessorFilter = Type.String({
  pattern: "^(sate:)?[a-z0-9][a-z0-9._-]{0,63}$",
  maxLength: 69,
  description: "The name of a processor.",
});

/** The built-in simulation, which runs the requests that name no processor. It needs no announcement. */
export const defaultProcessor = "simulate";

/** Delivers webhooks. Workers serve it without announcing it. */
export const webhookProcessor = "sate:webhook";

/** Whether the processor is one of Sate's own, which clients can neither name nor announce. They are always known. */
export function isOwnProcessor(name: string): boolean {
  return name.startsWith("sate:");
}

/** The processor of a request: the one that it names, or the default. */
export function processorNameOf({
  processor = defaultProcessor,
}: {
  processor?: string | undefined;
}): string {
  return processor;
}

/** Retries within one execution. `tries` counts all of them, the first included, so 1 means no retries. */
export const RetryPolicy = Type.Object(
  {
    tries: Type.Integer({ minimum: 1, maximum: limits.triesMax }),
    first_seconds: Type.Number({ minimum: 0.1, maximum: 86_400 }),
    max_seconds: Type.Number({ minimum: 0.1, maximum: 86_400 }),
  },
  open,
);
export type RetryPolicy = Static<typeof RetryPolicy>;

/**
 * The pause in ms before the next try after `ended` tries (1, 2, …) have failed: exponential backoff with full jitter,
 * `random` being at least 0 and less than 1. Never below a tenth of `first_seconds`, so that a retry is never
 * immediate. https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
 */
export function retryDelayMs(policy: RetryPolicy, ended: number, random: number): number {
  const ceiling = Math.min(policy.first_seconds * 2 ** Math.min(ended - 1, 60), policy.max_seconds);
  return Math.ceil(Math.max(ceiling * random, policy.first_seconds / 10) * 1_000);
}

/** What a worker announces of a processor that it serves. Limits are per worker, except `timeout_seconds` and `retry`. */
export const ProcessorAnnouncement = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 64 }),
    kind: Type.Union([
      Type.Literal("simulation"),
      Type.Literal("module"),
      Type.Literal("command"),
      Type.Literal("http"),
      Type.Literal("remote"),
    ]),
    version: Type.Optional(Type.String({ minLength: 1, maxLength: 100 })),
    /** JSON Schema 2020-12 of the payload, as JSON text. */
    input_json: Type.Optional(Type.String({ maxLength: limits.inputSchemaCharsMax })),
    /** The maximum duration of an execution, from its first start and across all its tries. */
    timeout_seconds: Type.Number({ exclusiveMinimum: 0, maximum: limits.timeoutSecondsMax }),
    concurrency: Type.Optional(Type.Integer({ minimum: 1, maximum: limits.workerRunsMax })),
    max_per_minute: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000_000 })),
    memory_mib: Type.Optional(Type.Integer({ minimum: 1 })),
    retry: Type.Optional(RetryPolicy),
  },
  open,
);
export type ProcessorAnnouncement = Static<typeof ProcessorAnnouncement>;
