import { type Static, Type } from "@sinclair/typebox";
import { open } from "../values/object.ts";

/**
 * Every problem that Sate reports, as RFC 9457 problem details. `type` is `urn:sate:problem:<name>` and never
 * changes; `detail` says what happened and what to do next, and never repeats what the client sent.
 */
export const problems = {
  "malformed-host": { status: 400, title: "The Host header is invalid" },
  "malformed-json": { status: 400, title: "The body is not valid JSON" },
  "malformed-encoding": { status: 400, title: "The body is not valid UTF-8" },
  "nested-too-deep": { status: 400, title: "The body is nested too deeply" },
  "duplicate-key": { status: 400, title: "A field is repeated" },
  "invalid-parameter": { status: 400, title: "A parameter is invalid" },
  unauthorized: { status: 401, title: "Credentials are missing or invalid" },
  forbidden: { status: 403, title: "The credentials do not permit this operation" },
  "origin-not-allowed": { status: 403, title: "The origin is not allowed" },
  "not-found": { status: 404, title: "The path does not exist" },
  "request-not-found": { status: 404, title: "The processing request does not exist" },
  "execution-not-found": { status: 404, title: "The execution does not exist" },
  "processor-not-found": { status: 404, title: "The processor does not exist" },
  "request-removed": { status: 410, title: "The processing request was removed" },
  "result-removed": { status: 410, title: "The result of the execution was removed" },
  "dead-letter-not-found": { status: 404, title: "The dead letter does not exist" },
  "webhook-not-found": { status: 404, title: "The webhook does not exist" },
  "schedule-not-found": { status: 404, title: "The schedule does not exist" },
  "worker-gone": { status: 410, title: "The lease of the worker has expired" },
  "method-not-allowed": { status: 405, title: "The method is not allowed for this path" },
  "execution-active": { status: 409, title: "An execution of this request is active" },
  "already-succeeded": { status: 409, title: "This request has already succeeded" },
  "failures-exhausted": {
    status: 409,
    title: "This request has reached its maximum number of failed executions",
  },
  "execution-ended": { status: 409, title: "The execution has already ended" },
  "dead-letter-replayed": { status: 409, title: "The dead letter has already been replayed" },
  "dead-letter-not-replayable": { status: 409, title: "The dead letter cannot be replayed" },
  "processor-served": { status: 409, title: "A live worker serves this processor" },
  "other-move": { status: 409, title: "Another move of this server has begun" },
  "too-many-webhooks": { status: 409, title: "The maximum number of webhooks has been reached" },
  "too-many-schedules": { status: 409, title: "The maximum number of schedules has been reached" },
  "body-too-large": { status: 413, title: "The body is too large" },
  "unsupported-media-type": { status: 415, title: "The media type of the body is not supported" },
  "unsupported-content-encoding": { status: 415, title: "The content encoding of the body is not supported" },
  "host-not-allowed": { status: 421, title: "The host is not allowed" },
  "invalid-body": { status: 422, title: "The body does not match the schema" },
  "invalid-payload": { status: 422, title: "The payload does not match the input schema of the processor" },
  "idempotency-key-reused": {
    status: 422,
    title: "The idempotency key was used with another request body",
  },
  "unknown-processor": { status: 422, title: "The processor is unknown" },
  "too-many-attempts": { status: 429, title: "Too many attempts to execute an exhausted request" },
  "too-many-streams": { status: 429, title: "Too many event streams of one API key" },
  internal: { status: 500, title: "Internal server error" },
  unavailable: { status: 503, title: "A dependency is unavailable" },
  overloaded: { status: 503, title: "The server is overloaded" },
  moving: { status: 503, title: "The server is being moved" },
} as const satisfies Record<string, { status: number; title: string }>;

export type ProblemName = keyof typeof problems;

export const problemContentType = "application/problem+json";

export const Problem = Type.Object(
  {
    type: Type.String({
      description: "The stable identifier of the problem, such as urn:sate:problem:request-not-found.",
    }),
    title: Type.String({ description: "A summary of the problem, the same for every occurrence." }),
    status: Type.Integer({ description: "The HTTP status of the response." }),
    detail: Type.String({ description: "What happened and what to do next." }),
    message: Type.String({ description: "The same text as detail, in the field of the original API." }),
    field: Type.Optional(Type.String({ description: "The invalid field or parameter." })),
    execution_uri: Type.Optional(Type.String({ description: "The URI of the execution in question." })),
    results_uri: Type.Optional(Type.String({ description: "The URI of the results in question." })),
    failures: Type.Optional(
      Type.Integer({ description: "The number of failed executions of the processing request." }),
    ),
    max_failures: Type.Optional(
      Type.Integer({ description: "The maximum number of failed executions of a processing request." }),
    ),
    processors: Type.Optional(
      Type.Array(Type.String(), { description: "The names of known processors, at most 100." }),
    ),
    errors: Type.Optional(
      Type.Array(
        Type.Object(
          {
            pointer: Type.String({ description: "A JSON pointer (RFC 6901) to the value in the payload." }),
            detail: Type.String({ description: "What is wrong with the value." }),
          },
          open,
        ),
        { description: "The places where the payload does not match the schema, at most 20." },
      ),
    ),
  },
  { ...open, description: "RFC 9457 problem details." },
);
export type Problem = Static<typeof Problem>;

export type ProblemExtras = Pick<
  Problem,
  "field" | "execution_uri" | "results_uri" | "failures" | "max_failures" | "processors" | "errors"
>;

/** The body of a problem response. `extras` are what the client needs next. */
export function problem(name: ProblemName, detail: string, extras: ProblemExtras = {}): Problem {
  const { status, title } = problems[name];
  return { type: `urn:sate:problem:${name}`, title, status, detail, message: detail, ...extras };
}
