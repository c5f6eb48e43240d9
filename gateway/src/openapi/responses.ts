import { type ProblemName, problem, problemContentType, problems } from "@sate/contracts";

/** Building blocks of the documented responses. https://spec.openapis.org/oas/v3.0.3#responses-object */

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

export function reference(name: string): Json {
  return { $ref: `#/components/schemas/${name}` };
}

/** A response of JSON; one with a Location says where the new resource is. */
export function jsonResponseOf(
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

/** Any other response, such as a page. */
export function textResponseOf(description: string, contentType: string): Json {
  return { description, content: { [contentType]: { schema: { type: "string" } } } };
}

/** Every status of these problems, each with an example of every problem that it stands for. */
export function problemResponses(names: readonly ProblemName[]): Record<string, Json> {
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
