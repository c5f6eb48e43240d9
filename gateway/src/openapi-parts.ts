import { type ProblemName, problem, problemContentType, problems } from "@sate/contracts";
import type { TSchema } from "@sinclair/typebox";

/** Building blocks of an OpenAPI 3.0 document. https://spec.openapis.org/oas/v3.0.3 */

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** A TypeBox schema in the dialect of OpenAPI 3.0, which has no `const`: a literal is an `enum` of one. */
export function openApiSchema(schema: TSchema): Json {
  return translated(JSON.parse(JSON.stringify(schema)) as Json);
}

function translated(schema: Json): Json {
  if (Array.isArray(schema)) return schema.map(translated);
  if (schema === null || typeof schema !== "object") return schema;
  const { anyOf } = schema;
  if (Array.isArray(anyOf) && anyOf.every(isLiteral)) {
    return { type: "string", enum: anyOf.map((one) => one.const as Json) };
  }
  return Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, translated(value)]));
}

function isLiteral(schema: Json): schema is { const: Json } {
  return schema !== null && typeof schema === "object" && "const" in schema;
}

export function reference(name: string): Json {
  return { $ref: `#/components/schemas/${name}` };
}

export function pathParameter(name: string, description: string): Json {
  return { name, in: "path", required: true, description, schema: reference("Id") };
}

export function queryParameter(name: string, description: string, schema: Json): Json {
  return { name, in: "query", required: false, description, schema };
}

/** An answer of JSON; one with a Location says where the new resource is. */
export function answer(
  description: string,
  schema: string,
  { example, location }: { example?: Json; location?: string } = {},
): Json {
  return {
    description,
    ...(location !== undefined && {
      headers: { Location: { description: location, schema: { type: "string" } } },
    }),
    content: { "application/json": { schema: reference(schema), ...(example !== undefined && { example }) } },
  };
}

/** Every status of these problems, each with an example of every problem that it stands for. */
export function refusals(names: readonly ProblemName[]): Record<string, Json> {
  const byStatus = Map.groupBy(names, (name) => problems[name].status);
  return Object.fromEntries(
    [...byStatus].map(([status, group]) => [
      String(status),
      {
        description: group.map((name) => problems[name].title).join("; "),
        ...((status === 429 || status === 503) && { headers: retryAfter }),
        content: {
          [problemContentType]: {
            schema: reference("Problem"),
            examples: Object.fromEntries(group.map((name) => [name, { value: exampleOf(name) }])),
          },
        },
      },
    ]),
  );
}

const retryAfter = {
  "Retry-After": { description: "Seconds to wait before another try", schema: { type: "integer" } },
};

function exampleOf(name: ProblemName): Json {
  return problem(name, "What happened, and what to do next.") as unknown as Json;
}
