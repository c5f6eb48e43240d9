import type { ProblemName } from "@sate/contracts";
import type { TObject } from "@sinclair/typebox";
import type { Access, RequiredScope } from "../access/authorize.ts";
import type { Ingress } from "../capacity/ingress.ts";
import { checkConnection } from "../http/check-connection.ts";
import { emptyBody, envelopeOf } from "../http/parse-body.ts";
import { readQuery } from "../http/query.ts";
import { readBody } from "../http/read-body.ts";
import { type Json, problemResponses } from "../openapi/responses.ts";

/** What Elysia validates. A route with a `body` reads one; a route without a `query` ignores the query. */
type Schemas = { query?: TObject; params?: TObject; body?: TObject };

type Declared = {
  id: string;
  tag: "requests" | "executions" | "results" | "system";
  summary: string;
  description?: string;
  /** The scope that an API key must have, if there are keys. */
  scope: RequiredScope;
  responses: Record<number, Json>;
  /** In addition to those that its schemas, scope and tag imply. */
  problems?: readonly ProblemName[];
};

export type OperationParts = { access: Access; ingress: Ingress; bodyBytesMax: number; idleSeconds: number };

type Context = {
  request: Request;
  server: { timeout(request: Request, seconds: number): void } | null;
  set: { headers: Record<string, string | number | undefined> };
};

/** Bun closes the connection if nothing of a body arrives for this long. It checks every four seconds. */
const stallSeconds = 10;

/**
 * Creates the options of a route: its schemas, its documentation, and the hooks that check its scope before anything of
 * the request is read, read its body, and read its query. app.ts turns what a schema refuses into a problem.
 */
export function createOperation({ access, ingress, bodyBytesMax, idleSeconds }: OperationParts) {
  return <S extends Schemas>(declared: Declared & S) => {
    const { scope, params, query, body } = declared;

    const authorize = ({ request, set }: Context): void => {
      access.authorize(scope, request, String(set.headers["x-request-id"]));
    };
    const parse = async ({ request, server }: Context): Promise<unknown> => {
      const json = await readBody(request, {
        bytesMax: bodyBytesMax,
        hold: (bytes) => ingress.hold(request, bytes),
        onProgress: () => server?.timeout(request, stallSeconds),
      });
      server?.timeout(request, idleSeconds);
      await checkConnection(request);
      return json === null ? emptyBody : envelopeOf(json);
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
      detail: detailOf(declared, access.hasKeys),
      parse: [...(body ? [authorize, parse] : []), "json" as const],
      transform: [...(body ? [] : [authorize]), parameters],
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
] as const satisfies ProblemName[];
/** Routes that call another service. */
const serviceProblems = ["unavailable", "overloaded"] as const satisfies ProblemName[];
const keyProblems = ["unauthorized", "forbidden"] as const satisfies ProblemName[];
/** Without API keys: access/hosts.ts. */
const siteProblems = ["host-not-allowed", "origin-not-allowed"] as const satisfies ProblemName[];

function detailOf(declared: Declared & Schemas, hasKeys: boolean) {
  const { id, tag, summary, scope, responses, problems = [], query, body } = declared;
  const needsKey = hasKeys && scope !== "none";
  const description = [declared.description, needsKey && `Requires an API key with the \`${scope}\` scope.`]
    .filter(Boolean)
    .join(" ");
  const all: ProblemName[] = [
    ...problems,
    ...(body ? bodyProblems : []),
    ...(query ? (["invalid-parameter"] as const) : []),
    "malformed-host",
    "internal",
    ...(tag === "system" ? [] : serviceProblems),
    ...(needsKey ? keyProblems : []),
    ...(hasKeys ? [] : siteProblems),
  ];
  // Elysia's own type of these is narrower than what its swagger plugin passes on.
  return {
    operationId: id,
    tags: [tag],
    summary,
    ...(description !== "" && { description }),
    ...(hasKeys && !needsKey && { security: [] }),
    responses: { ...responses, ...problemResponses(all) },
    "x-required-scope": scope,
  } as never;
}
