import {
  CreateExecution,
  CreateRequest,
  Execution,
  ExecutionPage,
  ExecutionState,
  limits,
  Problem,
  type ProblemName,
  ProcessingRequest,
  RequestPage,
  Results,
  StoredRequest,
  Uuid,
} from "@sate/contracts";
import { Type } from "@sinclair/typebox";
import type { scopeWanted } from "./access.ts";
import { examples } from "./openapi-examples.ts";
import {
  answer,
  type Json,
  openApiSchema,
  pathParameter,
  queryParameter,
  reference,
  refusals,
} from "./openapi-parts.ts";

/**
 * The documentation of every public route. It only documents: what a body must be is decided in body.ts and
 * envelope.ts, from the same schemas of the contract.
 */

const requestId = pathParameter("request_id", "Id of a processing request");
const executionId = pathParameter("execution_id", "Id of one of its executions");
const page = (byDefault: number) => [
  queryParameter("limit", "Entries of a page", {
    type: "integer",
    minimum: 1,
    maximum: limits.pageMax,
    default: byDefault,
  }),
  queryParameter("cursor", "Out of next_uri: where the page begins", { type: "string" }),
];

const bodyProblems = [
  "malformed-json",
  "malformed-encoding",
  "nested-too-deep",
  "duplicate-key",
  "body-too-large",
  "unsupported-media-type",
  "unsupported-content-encoding",
  "invalid-body",
] as const satisfies ProblemName[];
/** Any route can be refused with these. */
const anyProblems = [
  "malformed-host",
  "invalid-parameter",
  "internal",
  "unavailable",
  "overloaded",
] as const satisfies ProblemName[];

const keySentences = {
  none: "Never asks for a key.",
  any: "With API keys: any key, or the token of the services.",
  read: "With API keys: scope read.",
  submit: "With API keys: scope submit.",
  admin: "With API keys: scope admin.",
};
const scoped = ["unauthorized", "forbidden"] as const satisfies ProblemName[];
const keyProblems = {
  none: [],
  any: ["unauthorized"],
  read: scoped,
  submit: scoped,
  admin: scoped,
} as const satisfies Record<string, readonly ProblemName[]>;

function operation(parts: {
  id: string;
  tag: string;
  summary: string;
  /** What it asks of a key, where there are keys. */
  wants: ReturnType<typeof scopeWanted>;
  description?: string;
  parameters?: Json[];
  body?: { schema: string; required: boolean; examples: Record<string, Json> };
  answers: Record<string, Json>;
  problems: readonly ProblemName[];
}) {
  const { id, tag, summary, wants, parameters, body, answers } = parts;
  const description = [parts.description, keySentences[wants]].filter(Boolean).join(" ");
  const problems = [...parts.problems, ...keyProblems[wants]];
  const requestBody = body && {
    required: body.required,
    content: {
      "application/json": {
        schema: reference(body.schema),
        examples: Object.fromEntries(Object.entries(body.examples).map(([name, value]) => [name, { value }])),
      },
    },
  };
  // Elysia's own type of these is narrower than what its swagger plugin passes on.
  return {
    operationId: id,
    tags: [tag],
    summary,
    description,
    ...(wants === "none" && { security: [] }),
    ...(parameters && { parameters }),
    ...(requestBody && { requestBody }),
    responses: { ...answers, ...refusals(problems) },
  } as never;
}

export const operations = {
  welcome: operation({
    id: "welcome",
    wants: "read",
    tag: "system",
    summary: "What this is and where to go",
    description: "JSON, or a page for whoever prefers text/html.",
    answers: { 200: answer("Where to go", "Welcome") },
    problems: ["internal"],
  }),
  createRequest: operation({
    id: "createRequest",
    wants: "submit",
    tag: "requests",
    summary: "Store a processing request",
    description: "The payload may be any JSON value, and comes back byte for byte.",
    body: { schema: "CreateRequest", required: true, examples: { original: examples.newRequest } },
    answers: {
      201: answer("Stored, durably", "ProcessingRequest", {
        example: examples.request,
        location: "Address of the request",
      }),
    },
    problems: [...bodyProblems, ...anyProblems],
  }),
  listRequests: operation({
    id: "listRequests",
    wants: "read",
    tag: "requests",
    summary: "Processing requests, newest first",
    parameters: page(limits.pageDefault),
    answers: { 200: answer("A page", "RequestPage") },
    problems: anyProblems,
  }),
  getRequest: operation({
    id: "getRequest",
    wants: "read",
    tag: "requests",
    summary: "A processing request",
    parameters: [requestId],
    answers: { 200: answer("It", "StoredRequest") },
    problems: ["request-not-found", ...anyProblems],
  }),
  createExecution: operation({
    id: "createExecution",
    wants: "submit",
    tag: "executions",
    summary: "Execute a processing request",
    description:
      "At most one execution of a request is active, a success is final, and failures are bounded: otherwise " +
      "the answer is 409 and says where to look. An attempt after too many failures is also recorded for the dead " +
      "letter queue; beyond 100 of one request at once, and one a second, the answer is 429 and the attempt is not recorded.",
    parameters: [requestId],
    body: {
      schema: "CreateExecution",
      required: false,
      examples: { success: { force_error: false }, failure: { force_error: true } },
    },
    answers: {
      201: answer("Accepted, durably", "Execution", {
        example: examples.execution,
        location: "Address of the execution",
      }),
    },
    problems: [
      "request-not-found",
      "execution-active",
      "already-succeeded",
      "failures-exhausted",
      "too-many-attempts",
      ...bodyProblems,
      ...anyProblems,
    ],
  }),
  listExecutions: operation({
    id: "listExecutions",
    wants: "read",
    tag: "executions",
    summary: "Executions of a request, oldest first",
    parameters: [requestId, ...page(limits.pageDefault)],
    answers: { 200: answer("A page", "ExecutionPage") },
    problems: ["request-not-found", ...anyProblems],
  }),
  getExecution: operation({
    id: "getExecution",
    wants: "read",
    tag: "executions",
    summary: "An execution, and how far it is",
    description: "A final status never changes. The result can be read a moment after it.",
    parameters: [requestId, executionId],
    answers: { 200: answer("It", "ExecutionState") },
    problems: ["request-not-found", "execution-not-found", ...anyProblems],
  }),
  cancelExecution: operation({
    id: "cancelExecution",
    wants: "submit",
    tag: "executions",
    summary: "Cancel an execution",
    description:
      "A queued one ends at once; a running one when its processor has heard of it. May be repeated.",
    parameters: [requestId, executionId],
    answers: {
      200: answer("It is cancelled", "ExecutionState"),
      202: answer("It will be cancelled, unless it ends before", "ExecutionState"),
    },
    problems: [
      "request-not-found",
      "execution-not-found",
      "execution-ended",
      ...bodyProblems.filter((name) => name !== "duplicate-key"),
      ...anyProblems,
    ],
  }),
  resultsOfRequest: operation({
    id: "resultsOfRequest",
    wants: "read",
    tag: "results",
    summary: "Results of a request, oldest first",
    parameters: [requestId, ...page(limits.pageMax)],
    answers: {
      200: answer("A page; empty as long as no execution has ended", "Results", {
        example: examples.results,
      }),
    },
    problems: ["request-not-found", ...anyProblems],
  }),
  resultsOfExecution: operation({
    id: "resultsOfExecution",
    wants: "read",
    tag: "results",
    summary: "The result of an execution",
    parameters: [requestId, executionId],
    answers: {
      200: answer("A list of one; empty as long as it has not ended", "Results", {
        example: examples.results,
      }),
    },
    problems: ["request-not-found", "execution-not-found", ...anyProblems],
  }),
};

const health = (
  id: string,
  wants: ReturnType<typeof scopeWanted>,
  summary: string,
  answers: Record<string, Json>,
) => ({
  get: operation({ id, wants, tag: "system", summary, answers, problems: ["internal"] }),
});
const text = (description: string): Json => ({
  description,
  content: { "text/plain": { schema: { type: "string" } } },
});

const Welcome = Type.Object({}, { additionalProperties: Type.String() });
const Live = Type.Object({ live: Type.Boolean() });
const Ready = Type.Object({ ready: Type.Boolean(), reasons: Type.Array(Type.String()) });

const schemas = {
  Id: Uuid,
  CreateRequest,
  ProcessingRequest,
  StoredRequest,
  RequestPage,
  CreateExecution,
  Execution,
  ExecutionState,
  ExecutionPage,
  Results,
  Problem,
  Welcome,
  Live,
  Ready,
};

/** All of the document but the routes that bring their own operation. */
export const documentation = {
  info: {
    title: "Sate",
    version: "0.1.0",
    description:
      "A distributed processing server: store a processing request, execute it, read the results. Every refusal " +
      "is an RFC 9457 problem. Every answer has an X-Request-Id; HEAD is answered wherever GET is. Where the " +
      "gateway has API keys, every route but /live wants one: Authorization: Bearer <key>.",
  },
  tags: ["requests", "executions", "results", "system"].map((name) => ({ name })),
  paths: {
    "/live": health("live", "none", "The process answers", { 200: answer("It does", "Live") }),
    "/ready": health("ready", "any", "It has no complaint", {
      200: answer("Ready", "Ready"),
      503: answer("Not ready, and why", "Ready"),
    }),
    "/metrics": health("metrics", "admin", "Its counters, for Prometheus", {
      200: text("Text exposition format 0.0.4"),
    }),
  },
  security: [{ apiKey: [] }],
  components: {
    securitySchemes: {
      apiKey: { type: "http", scheme: "bearer", description: "An API key, where the gateway has keys." },
    } as never,
    schemas: Object.fromEntries(
      Object.entries(schemas).map(([name, schema]) => [name, openApiSchema(schema)]),
    ) as never,
  },
};
