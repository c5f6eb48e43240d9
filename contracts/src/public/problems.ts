import { type Static, Type } from "@sinclair/typebox";

/**
 * Every refusal of Sate, as RFC 9457 problem details. `type` is `urn:sate:problem:<name>` and never changes;
 * `detail` says what happened and what to do next, and never repeats what the client sent.
 */
export const problems = {
  "malformed-host": { status: 400, title: "The Host header is not a host" },
  "malformed-json": { status: 400, title: "The body is not valid JSON" },
  "malformed-encoding": { status: 400, title: "The body is not valid UTF-8" },
  "nested-too-deep": { status: 400, title: "The body is nested too deep" },
  "duplicate-key": { status: 400, title: "A field is given twice" },
  "invalid-parameter": { status: 400, title: "A parameter is not valid" },
  unauthorized: { status: 401, title: "Credentials are missing or wrong" },
  forbidden: { status: 403, title: "These credentials do not allow that" },
  "not-found": { status: 404, title: "There is nothing at this address" },
  "request-not-found": { status: 404, title: "No such processing request" },
  "execution-not-found": { status: 404, title: "No such execution" },
  "method-not-allowed": { status: 405, title: "This address does not know the method" },
  "execution-active": { status: 409, title: "An execution of this request is active" },
  "already-succeeded": { status: 409, title: "This request has succeeded" },
  "failures-exhausted": { status: 409, title: "This request has failed too often" },
  "execution-ended": { status: 409, title: "The execution has ended" },
  "body-too-large": { status: 413, title: "The body is too large" },
  "unsupported-media-type": { status: 415, title: "The body is not of a supported type" },
  "unsupported-content-encoding": { status: 415, title: "The body must not be compressed" },
  "invalid-body": { status: 422, title: "The body does not have the right shape" },
  internal: { status: 500, title: "Something went wrong on our side" },
  unavailable: { status: 503, title: "A part of the system does not answer" },
  overloaded: { status: 503, title: "Too much work at once" },
} as const satisfies Record<string, { status: number; title: string }>;

export type ProblemName = keyof typeof problems;

export const problemContentType = "application/problem+json";

export const Problem = Type.Object(
  {
    type: Type.String({ description: "Stable name of the problem, urn:sate:problem:…" }),
    title: Type.String(),
    status: Type.Integer(),
    detail: Type.String({ description: "What happened and what to do next." }),
    message: Type.String({ description: "The same text as detail." }),
    field: Type.Optional(Type.String({ description: "The field or parameter that is wrong." })),
    execution_uri: Type.Optional(Type.String()),
    results_uri: Type.Optional(Type.String()),
    failures: Type.Optional(Type.Integer()),
    max_failures: Type.Optional(Type.Integer()),
  },
  { additionalProperties: true, description: "RFC 9457 problem details" },
);
export type Problem = Static<typeof Problem>;

export type ProblemExtras = Pick<
  Problem,
  "field" | "execution_uri" | "results_uri" | "failures" | "max_failures"
>;

/** The body of a refusal. */
export function problem(name: ProblemName, detail: string, extras: ProblemExtras = {}): Problem {
  const { status, title } = problems[name];
  return { type: `urn:sate:problem:${name}`, title, status, detail, message: detail, ...extras };
}
