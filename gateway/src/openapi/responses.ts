import { type ProblemName, problem, problemContentType, problems } from "@sate/contracts";
import { examples } from "./examples.ts";
import type { SchemaName } from "./schemas.ts";

/** Building blocks of the documented responses. https://spec.openapis.org/oas/v3.0.3#responses-object */

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

const reference = (name: SchemaName) => ({ $ref: `#/components/schemas/${name}` });

/** A JSON response: its description, its schema, and the description of its Location header. */
export type Described = [description: string, schema: SchemaName, location?: string];

export function jsonResponseOf([description, schema, location]: Described): Json {
  const example = (examples.responses as Partial<Record<SchemaName, Json>>)[schema];
  return {
    description,
    ...(location !== undefined && {
      headers: { Location: { description: location, schema: { type: "string" } } },
    }),
    content: { "application/json": { schema: reference(schema), ...(example !== undefined && { example }) } },
  };
}

/** The responses of these problems by status, each with an example of every problem. */
export function problemResponses(names: readonly ProblemName[]): Record<string, Json> {
  const byStatus = Map.groupBy(names, (name) => problems[name].status);
  return Object.fromEntries(
    [...byStatus].map(([status, group]) => [
      String(status),
      {
        description: group.map((name) => `${problems[name].title}.`).join(" "),
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
  "Retry-After": {
    description: "The number of seconds to wait before a retry.",
    schema: { type: "integer" },
  },
};

function exampleOf(name: ProblemName): Json {
  return problem(name, "What happened and what to do next.") as unknown as Json;
}
