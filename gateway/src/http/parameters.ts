import { limits, Uuid, uuidPattern } from "@sate/contracts";
import { type TObject, Type } from "@sinclair/typebox";
import { type ValueError, ValueErrorType } from "@sinclair/typebox/errors";
import { Refusal } from "./problem-response.ts";

const closed = { additionalProperties: false } as const;
const request_id = { ...Uuid, description: "The id of a processing request." };
const execution_id = { ...Uuid, description: "The id of one of its executions." };

export const RequestPath = Type.Object({ request_id }, closed);
export const ExecutionPath = Type.Object({ request_id, execution_id }, closed);

/** The query of a route without parameters. */
export const NoQuery = Type.Object({}, closed);

/** A cursor matches this, or is empty: the start of the list. */
const cursor = (pattern: string) =>
  Type.Optional(
    Type.String({
      pattern: `^(${pattern})?$`,
      maxLength: 36,
      description: "The start of the page, taken from `next_uri`. Without a value, the start of the list.",
    }),
  );
const limit = (byDefault: number) =>
  Type.Integer({
    minimum: 1,
    maximum: limits.pageMax,
    default: byDefault,
    description: "Maximum number of entries. A page of large entries may have fewer.",
  });

/** The query of a list of requests. The cursor is the last id of the previous page. */
export const requestPageQuery = Type.Object(
  { limit: limit(limits.pageDefault), cursor: cursor(uuidPattern.slice(1, -1)) },
  closed,
);

/** The query of a list of attempts. The cursor is the last attempt of the previous page. */
export const attemptPageQuery = (limitByDefault: number) =>
  Type.Object({ limit: limit(limitByDefault), cursor: cursor("[1-9][0-9]{0,3}") }, closed);

/**
 * The parameters of a query, for the route's schema to check: whole numbers as numbers, everything else as text.
 * Throws if one is given twice: Elysia would silently take the last.
 */
export function readQuery(url: string, { properties }: TObject): Record<string, string | number> {
  // Without a prototype: a parameter may be called __proto__.
  const query: Record<string, string | number> = Object.create(null);
  const start = url.indexOf("?");
  for (const [name, value] of new URLSearchParams(start < 0 ? "" : url.slice(start))) {
    if (Object.hasOwn(query, name)) throw invalid(name, "A parameter is given twice. Send it once.");
    const isInteger = Object.hasOwn(properties, name) && properties[name]?.type === "integer";
    query[name] = isInteger && /^(0|-?[1-9][0-9]{0,8})$/.test(value) ? Number(value) : value;
  }
  return query;
}

/** Why a query does not match the schema of its route. */
export function invalidQuery({ path, type, schema }: ValueError): Refusal {
  const name = path.slice(1);
  if (type === ValueErrorType.ObjectAdditionalProperties) {
    const known = Object.keys(schema.properties).map((one) => `\`${one}\``);
    const takes = known.length === 0 ? "no parameters" : `only ${known.join(" and ")}`;
    return invalid(name, `A parameter is unknown. Remove it: this route takes ${takes}.`);
  }
  if (schema.type === "integer") {
    return invalid(name, `\`${name}\` must be a whole number from ${schema.minimum} to ${schema.maximum}.`);
  }
  return invalid(name, "The cursor is not from this list. Follow `next_uri`, or start without a cursor.");
}

function invalid(name: string, detail: string): Refusal {
  return new Refusal("invalid-parameter", detail, fieldIfPlain(name));
}

/** Names a field or parameter in a refusal, but only if its name is harmless in any log or page. */
export function fieldIfPlain(name: string | undefined): { field?: string } {
  return name !== undefined && /^[A-Za-z0-9_.$[\]-]{1,64}$/.test(name) ? { field: name } : {};
}

const details = {
  unknown_request: "No processing request has this id. `POST /requests` creates one.",
  unknown_execution:
    "This processing request has no execution with this id. `GET /requests/{id}/executions` lists them.",
} as const;

/** The 404 of an id that is unknown. */
export function unknownId(kind: keyof typeof details): Refusal {
  const name = kind === "unknown_request" ? "request-not-found" : "execution-not-found";
  return new Refusal(name, details[kind]);
}

/** A path parameter that cannot be an id is an unknown id. */
export function invalidPath({ path }: ValueError): Refusal {
  return unknownId(path === "/execution_id" ? "unknown_execution" : "unknown_request");
}
