import { jsonMembers } from "@sate/contracts";
import type { TObject, TSchema } from "@sinclair/typebox";
import { type ValueError, ValueErrorType } from "@sinclair/typebox/errors";
import { fieldIfPlain } from "./parameters.ts";
import { Refusal } from "./problem-response.ts";
import type { Json } from "./read-body.ts";

/** The field that stays the text that was sent: docs/decisions/0004-json-as-text.md. */
const opaque = "payload";

/** A body that was left out: the same as an empty object if the schema requires no field. */
const emptyBody: unknown = Object.freeze({});

/**
 * The fields of a body, for the route's schema to check: values, but the payload as its text. A body that is not an
 * object is returned as it is. Throws if a field is given twice.
 */
export function envelopeOf(json: Json | null): unknown {
  if (json === null) return emptyBody;
  const { text, value } = json;
  const members = jsonMembers(text);
  if (members === null) return value;
  // Without a prototype: a field may be called __proto__.
  const envelope: Record<string, unknown> = Object.create(null);
  for (const { key, value: memberText } of members) {
    if (Object.hasOwn(envelope, key)) {
      const detail = "A field of the body is given twice, so its value is ambiguous. Send it once.";
      throw new Refusal("duplicate-key", detail, fieldIfPlain(key));
    }
    envelope[key] = key === opaque ? memberText : (value as Record<string, unknown>)[key];
  }
  return envelope;
}

/** Why a body does not match the schema of its route. */
export function invalidBody(body: unknown, error: ValueError, schema: TObject): Refusal {
  const { properties, required = [] } = schema;
  const names = quoted(Object.keys(properties));
  if (body === emptyBody) {
    const detail = `The body is empty. Send a JSON object with ${quoted(required)}, and the header Content-Type: application/json.`;
    return new Refusal("malformed-json", detail);
  }
  if (names === "")
    return new Refusal("invalid-body", "This route takes no body. Send the request without one.");
  if (error.path === "")
    return invalid(required[0], `The body is not a JSON object. Send one with ${quoted(required) || names}.`);
  // A JSON pointer to a field.
  const field = error.path.slice(1).replaceAll("~1", "/").replaceAll("~0", "~");
  switch (error.type) {
    case ValueErrorType.ObjectAdditionalProperties:
      return invalid(field, `The body has an unknown field. Remove it: only ${names} may be sent.`);
    case ValueErrorType.ObjectRequiredProperty:
      return invalid(field, `The field \`${field}\` is missing. Send it.`);
    default:
      return invalid(field, `The field \`${field}\` must be ${described(error.schema)}.`);
  }
}

function quoted(names: string[]): string {
  return names.map((name) => `\`${name}\``).join(" and ");
}

function described(schema: TSchema): string {
  if (schema.type === "boolean") return "true or false";
  return schema.pattern === undefined ? `a ${schema.type}` : `a string that matches ${schema.pattern}`;
}

function invalid(field: string | undefined, detail: string): Refusal {
  return new Refusal("invalid-body", detail, fieldIfPlain(field));
}
