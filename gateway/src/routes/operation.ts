import { limits, type ProblemName } from "@sate/contracts";
import type { TObject, TString } from "@sinclair/typebox";
import { TypeCompiler } from "@sinclair/typebox/compiler";
import type { Context } from "elysia";
import type { Access, RequiredScope } from "../access/authorize.ts";
import type { Ingress } from "../capacity/ingress.ts";
import { NoQuery, readQuery } from "../http/parameters.ts";
import { envelopeOf, invalidBody } from "../http/parse-body.ts";
import { Refusal } from "../http/problem-response.ts";
import { readBody } from "../http/read-body.ts";
import type { Closure } from "../move/port.ts";
import { headersField, type Tag } from "../openapi/document.ts";
import { type Described, type Json, jsonResponseOf, problemResponses } from "../openapi/responses.ts";

/** A route with a `body` reads one. */
type Schemas = { query?: TObject; params?: TObject; body?: TObject };

type Declared = {
  id: string;
  summary: string;
  description?: string;
  /** The scope that an API key must have, if there are keys. */
  scope: RequiredScope;
  /** The optional request headers that it reads, with their descriptions. */
  headers?: Record<string, TString>;
  responses: Record<number, Described | { [member: string]: Json }>;
  /** Bodies up to this size are accepted even if BODY_BYTES_MAX is lower. */
  bodyBytesLeast?: number;
  /** Nesting of arrays and objects in its body; `limits.nestingMax` if absent. */
  nestingMax?: number;
  /** In addition to those that its schemas, scope and tag imply. */
  problems?: readonly ProblemName[];
};

type OperationParts = {
  access: Access;
  ingress: Ingress;
  bodyBytesMax: number;
  idleSeconds: number;
  /** Absent if the server is never closed. */
  closed: (() => Closure | null) | undefined;
};

type Hooked = Pick<Context, "request" | "server" | "set">;

/** Bun closes the connection if nothing of a body arrives for this long. It checks every four seconds. */
const stallSeconds = 10;

/**
 * Creates the options of a route: its schemas, its documentation and its hooks. These check the scope before any of the
 * request is read, then read and validate the body, and parse the query. Elysia validates path and query parameters, and
 * app.ts turns its errors into problems.
 */
export function createOperation({ access, ingress, bodyBytesMax, idleSeconds, closed }: OperationParts) {
  return <S extends Schemas>(tag: Tag, declared: Declared & S) => {
    const { scope, params, body, bodyBytesLeast = 0, nestingMax = limits.nestingMax } = declared;
    const query = declared.query ?? (tag === "system" ? undefined : NoQuery);

    const whenClosed: ProblemName[] = closed && tag !== "system" ? ["moving"] : [];
    const problems = [...(declared.problems ?? []), ...whenClosed];

    const authorize = ({ request, set }: Hooked): void => {
      access.authorize(scope, request, String(set.headers["x-request-id"]));
      const closure = tag === "system" ? null : closed?.();
      const refusal = closure?.refuses(declared);
      if (closure && refusal) throw new Refusal(refusal, closure.detail);
    };
    const parse = async ({ request, server }: Hooked): Promise<unknown> => {
      const json = await readBody(request, {
        bytesMax: Math.max(bodyBytesMax, bodyBytesLeast),
        nestingMax,
        hold: (bytes) => ingress.hold(request, bytes),
        onProgress: () => server?.timeout(request, stallSeconds),
      });
      server?.timeout(request, idleSeconds);
      return envelopeOf(json);
    };
    const checks = {
      params: params && TypeCompiler.Compile(params),
      body: body && TypeCompiler.Compile(body),
    };
    // Not left to Elysia: it converts an invalid value to a string for its error, which throws if the value is an object
    // with a member `toString`. An invalid path is reported first, by Elysia.
    const checkBody = (context: { params: unknown; body: unknown }): void => {
      if (checks.params?.Check(context.params) === false || checks.body?.Check(context.body) !== false)
        return;
      const error = checks.body.Errors(context.body).First();
      if (body && error) throw invalidBody(context.body, error, body);
    };
    const parameters = (context: { request: Request; query: unknown }): void => {
      if (query) context.query = readQuery(context.request.url, query);
    };

    // Elysia parses bodies before it transforms. "json" states the content type in the document; it never parses.
    return {
      ...({ ...(params && { params }), ...(query && { query }), ...(body && { body }) } as Pick<
        S,
        keyof S & keyof Schemas
      >),
      detail: detailOf(tag, { ...declared, query, problems }, access.hasKeys),
      parse: [...(body ? [authorize, parse] : []), "json" as const],
      transform: [...(body ? [] : [authorize]), parameters, ...(body ? [checkBody] : [])],
    };
  };
}

export type Operation = ReturnType<typeof createOperation>;

const bodyProblems = [
  "malformed-json",
  "malformed-encoding",
  "nested-too-deep",
  "duplicate-key",
  "body-too-large",
  "unsupported-media-type",
  "unsupported-content-encoding",
  "invalid-body",
] as const;

type Detailed = Declared & { query: TObject | undefined; params?: TObject; body?: TObject };

function detailOf(tag: Tag, declared: Detailed, hasKeys: boolean) {
  const { id, summary, scope, responses, problems = [], query, params, body } = declared;
  const needsKey = hasKeys && scope !== "none";
  const description = [declared.description, needsKey && `Requires an API key with the \`${scope}\` scope.`]
    .filter(Boolean)
    .join(" ");
  const when = (isIt: unknown, ...names: ProblemName[]) => (isIt ? names : []);
  const all = [
    ...when(params?.properties.request_id, "request-not-found", "request-removed"),
    ...when(params?.properties.name, "processor-not-found"),
    ...when(params?.properties.webhook_id, "webhook-not-found"),
    ...when(params?.properties.schedule_id, "schedule-not-found"),
    ...when(params?.properties.worker_id, "worker-gone"),
    ...when(params?.properties.execution_id, "execution-not-found"),
    ...when(params?.properties.dead_letter_id, "dead-letter-not-found"),
    ...problems,
    ...when(body, ...bodyProblems),
    ...when(query, "invalid-parameter"),
    "malformed-host" as const,
    "internal" as const,
    ...when(tag !== "system", "unavailable", "overloaded"),
    ...when(needsKey, "unauthorized", "forbidden"),
    ...when(!hasKeys, "host-not-allowed", "origin-not-allowed"),
  ];
  const documented = Object.entries(responses).map(([status, response]) => {
    return [status, Array.isArray(response) ? jsonResponseOf(response) : response] as const;
  });
  // Elysia's own type of these is narrower than what its swagger plugin passes on.
  return {
    operationId: id,
    tags: [tag],
    summary,
    ...(description !== "" && { description }),
    ...(hasKeys && !needsKey && { security: [] }),
    responses: { ...Object.fromEntries(documented), ...problemResponses(all) },
    "x-required-scope": scope,
    // document.ts makes them parameters: stated here, those would replace the parameters that the schemas imply.
    ...(declared.headers && { [headersField]: declared.headers }),
  } as never;
}
