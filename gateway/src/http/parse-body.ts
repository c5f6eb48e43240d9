import { jsonMembers } from "@sate/contracts";
import type { TObject, TSchema } from "@sinclair/typebox";
import { type ValueError, ValueErrorType } from "@sinclair/typebox/errors";
import { Refusal } from "./problem-response.ts";
import { isPlainName } from "./query.ts";
import type { Json } from "./read-body.ts";

/** The member that stays the text that was sent: docs/decisions/0004-json-as-text.md. */
const opaque = "payload";

/**
 * The members of a body, for the schema of the route to check: each is its value, but the payload is its own text.
 * A body that is no object stays what it is. Throws where a member is given twice.
 */
export function envelopeOf({ text, value }: Json): unknown {
  const members = jsonMembers(text);
  if (members === null) return value;
  // Without a prototype: a member may be called __proto__.
  const envelope: Record<string, unknown> = Object.create(null);
  for (const { key, value: memberText } of members) {
    if (Object.hasOwn(envelope, key)) {
      const detail = "A field of the body is given twice, so its meaning is not certain. Give it once.";
      throw new Refusal("duplicate-key", detail, isPlainName(key) ? { field: key } : {});
    }
    envelope[key] = key === opaque ? memberText : (value as Record<string, unknown>)[key];
  }
  return envelope;
}

/** A body that was left out. Where its schema requires nothing, it is as good as an empty object. */
export const emptyBody: unknown = Object.freeze({});

/** Why a body does not match the schema of its route. */
export function invalidBody(body: unknown, error: ValueError, schema: TObject): Refusal {
  const { properties, required = [] } = schema;
  const names = Object.keys(properties).join(" and ");
  if (body === emptyBody) {
    const detail = `The body is empty. Send a JSON object with ${required.join(" and ")}, and the header Content-Type: application/json.`;
    return new Refusal("malformed-json", detail);
  }
  if (names === "") return new Refusal("invalid-body", "This address takes no body. Leave it out.");
  if (error.path === "") return invalid(required[0], `The body must be a JSON object with ${names}.`);
  // A JSON pointer to a member of the envelope.
  const field = error.path.slice(1).replaceAll("~1", "/").replaceAll("~0", "~");
  switch (error.type) {
    case ValueErrorType.ObjectAdditionalProperties:
      return invalid(field, `The body has a field that is not known. It may have ${names}.`);
    case ValueErrorType.ObjectRequiredProperty:
      return invalid(field, `The field ${field} is required.`);
    default:
      return invalid(field, `The field ${field} must be ${described(error.schema)}.`);
  }
}

function described(schema: TSchema): string {
  if (schema.type === "boolean") return "true or false";
  return schema.pattern === undefined ? `a ${schema.type}` : `a string that matches ${schema.pattern}`;
}

function invalid(field: string | undefined, detail: string): Refusal {
  return new Refusal("invalid-body", detail, field !== undefined && isPlainName(field) ? { field } : {});
}
