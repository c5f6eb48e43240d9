import { swagger } from "@elysiajs/swagger";
import { instantPattern, wellFormed } from "@sate/contracts";
import { type AnyElysia, Elysia } from "elysia";
import { examples } from "./examples.ts";
import type { Json } from "./responses.ts";
import { schemas } from "./schemas.ts";

export type DocumentParts = { version: string; hasKeys: boolean; publicUrl?: string | undefined };

/** The groups of routes, in the order of use. */
const tags = [
  "requests",
  "executions",
  "results",
  "schedules",
  "webhooks",
  "dead-letters",
  "processors",
  "workers",
  "system",
] as const;

/** Routes of `system` call no other service, and ignore their query. */
export type Tag = (typeof tags)[number];

type Document = { paths: Record<string, Record<string, Operation>>; components: object };

/** The OpenAPI document of these routes: derived by `@elysiajs/swagger`, then corrected to OpenAPI 3.1. */
export async function openApiDocument(routes: AnyElysia[], parts: DocumentParts): Promise<string> {
  const app = new Elysia().use(
    swagger({ documentation: documentation(parts), path: "/page", specPath: "/document" }),
  );
  for (const some of routes) app.use(some);
  const response = await app.handle(new Request("http://localhost/document"));
  const derived = (await response.json()) as Document;
  for (const path of Object.values(derived.paths)) Object.values(path).forEach(correct);
  const components = { ...derived.components, schemas };
  return JSON.stringify({ ...derived, openapi: "3.1.0", components }, translated);
}

function documentation({ version, hasKeys, publicUrl }: DocumentParts) {
  const description =
    "A distributed processing server: create a processing request, execute it, read the results. Errors are RFC 9457 " +
    "problem details. Every response has an X-Request-Id header. Every GET route also supports HEAD. All times are in " +
    "UTC. " +
    (hasKeys
      ? "This server requires an API key: Authorization: Bearer <key>."
      : "This server requires no API key.");
  return {
    info: { title: "Sate", version, description },
    // Without PUBLIC_URL it is relative to the document's own URL, which is right behind any proxy.
    servers: [{ url: publicUrl?.replace(/\/+$/, "") || "..", description: "This server" }],
    tags: tags.map((name) => ({ name })),
    ...(hasKeys && {
      security: [{ apiKey: [] }],
      components: { securitySchemes: { apiKey: { type: "http", scheme: "bearer" } as const } },
    }),
  };
}

/** The field in which an operation names the request headers that it reads, until the document is corrected. */
export const headersField = "x-headers";

type Parameter = {
  name?: string;
  in?: string;
  description?: string;
  required?: boolean;
  schema: { default?: Json; type?: string; pattern?: string };
};

type Operation = {
  operationId: keyof typeof examples.bodies | (string & {});
  parameters?: Parameter[];
  [headersField]?: Record<string, { description: string; type: string; pattern?: string }>;
  requestBody?: {
    required: boolean;
    content: Record<string, { schema: { required?: string[]; properties: object }; examples?: Json }>;
  };
};

/** The plugin marks everything as required, and has no examples of bodies and no headers that it does not check. */
function correct(operation: Operation): void {
  for (const parameter of operation.parameters ?? []) {
    if (parameter.schema.default !== undefined) parameter.required = false;
  }
  const { [headersField]: headers } = operation;
  if (headers) {
    delete operation[headersField];
    const own = Object.entries(headers).map(([name, { description, ...schema }]): Parameter => {
      return { name, in: "header", description, required: false, schema };
    });
    operation.parameters = [...(operation.parameters ?? []), ...own];
  }
  for (const media of Object.values(operation.requestBody?.content ?? {})) {
    const { required = [], properties } = media.schema;
    if (Object.keys(properties).length === 0) delete operation.requestBody;
    else if (operation.requestBody) operation.requestBody.required = required.length > 0;
    const ofBody = (examples.bodies as Record<string, Json>)[operation.operationId];
    if (ofBody !== undefined) media.examples = ofBody;
  }
}

const names = new Map(Object.entries(schemas).map(([name, schema]) => [JSON.stringify(schema), name]));

/**
 * For `JSON.stringify`: replaces named schemas with references, unions of literals with an `enum`, patterns of timestamps
 * with their `format`, which also excludes days that do not exist, and the pattern of well-formed UTF-16 with any text:
 * clients whose texts are not UTF-16 cannot send anything else.
 */
function translated(key: string, value: Json): unknown {
  if (value === null || typeof value !== "object" || Array.isArray(value)) return value;
  const name = names.get(JSON.stringify(value));
  if (name !== undefined && name !== key) return { $ref: `#/components/schemas/${name}` };
  if (value.pattern === instantPattern) {
    const { pattern: _, maxLength: __, ...instant } = value;
    return { ...instant, format: "date-time" };
  }
  if (typeof value.pattern === "string" && value.pattern.includes(wellFormed))
    return { ...value, pattern: value.pattern.replace(wellFormed, "[\\s\\S]*") };
  const { anyOf, ...rest } = value;
  if (!Array.isArray(anyOf)) return value;
  const literals = anyOf.map((one) => (one as { const?: Json }).const);
  return literals.includes(undefined) ? value : { ...rest, type: "string", enum: literals };
}
