import {
  instantPattern,
  type JsonText,
  jsonItems,
  jsonMembers,
  LabelParameter,
  labelValuePattern,
  limits,
  WebhookSecret,
} from "@sate/contracts";
import type { TObject, TSchema } from "@sinclair/typebox";
import { type ValueError, ValueErrorType } from "@sinclair/typebox/errors";
import { fieldIfPlain, labelForm, oneOf } from "./parameters.ts";
import { Refusal } from "./problem-response.ts";
import type { Json } from "./read-body.ts";

/** The fields that are kept as the text that was sent: docs/decisions/0004-json-as-text.md. */
const opaque = new Set(["payload", "outputs"]);

/** Objects of plain values. */
const flat = new Set(["labels", "filter"]);

/** The fields with one or many bodies of requests, whose own fields are kept the same way. */
const nested = new Set(["request", "requests"]);

/** A body that was left out: the same as an empty object if the schema requires no field. */
const emptyBody: unknown = Object.freeze({});

/**
 * The fields of a body, for the route's schema to check: parsed, except for payload and outputs, which stay text. A body
 * that is not an object is returned as it is. Throws if a field is given twice.
 */
export function envelopeOf(json: Json | null): unknown {
  return json === null ? emptyBody : envelopeAt("", json.text, json.value);
}

/** `path`: where it is in the body, for the refusal. */
function envelopeAt(path: string, text: JsonText, value: unknown): unknown {
  const members = jsonMembers(text);
  if (members === null) return value;
  // Without a prototype: a field may be called __proto__.
  const envelope: Record<string, unknown> = Object.create(null);
  for (const { key, value: memberText } of members) {
    const field = path === "" ? key : `${path}.${key}`;
    if (Object.hasOwn(envelope, key)) {
      const detail = "A field of the body is given twice, so its value is ambiguous. Send it once.";
      throw new Refusal("duplicate-key", detail, fieldIfPlain(field));
    }
    envelope[key] = memberAt(field, key, memberText, (value as Record<string, unknown>)[key]);
  }
  return envelope;
}

function memberAt(path: string, key: string, text: JsonText, value: unknown): unknown {
  if (opaque.has(key)) return text;
  if (flat.has(key)) {
    // Only for its fields that are given twice: a label may have any name.
    envelopeAt(path, text, value);
    return value;
  }
  if (!nested.has(key)) return value;
  const items = jsonItems(text);
  if (items === null) return envelopeAt(path, text, value);
  return items.map((item, place) => envelopeAt(`${path}[${place}]`, item, (value as unknown[])[place]));
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
  const field = fieldAt(error.path);
  const labels = /^(.*\.)?labels(?=\.|$)/s.exec(field)?.[0];
  if (labels !== undefined) return invalid(labels, `The field \`labels\` is invalid. ${labelRules}`);
  switch (error.type) {
    case ValueErrorType.ObjectAdditionalProperties: {
      const known = quoted(Object.keys(error.schema.properties));
      return invalid(field, `The body has an unknown field. Remove it: only ${known} may be sent here.`);
    }
    case ValueErrorType.ObjectRequiredProperty:
      return invalid(field, `The field \`${field}\` is missing. Send it.`);
    default:
      return invalid(field, `The field \`${field}\` must be ${described(error.schema)}.`);
  }
}

const labelRules =
  `Send an object of strings with at most ${limits.labelsMax} labels: names of a to z, 0 to 9, "_", "." and "-", at most ` +
  `63 characters, and values of at most ${limits.labelValueCharsMax} characters of well-formed Unicode. Names of new labels must not begin with "sate.", which is reserved.`;

/** The field at a JSON pointer, as in `processors[0].name`. */
function fieldAt(pointer: string): string {
  const keys = pointer
    .slice(1)
    .split("/")
    .map((key) => key.replaceAll("~1", "/").replaceAll("~0", "~"));
  return keys.map((key, depth) => (depth === 0 ? key : /^\d+$/.test(key) ? `[${key}]` : `.${key}`)).join("");
}

function quoted(names: string[]): string {
  const marked = names.map((name) => `\`${name}\``);
  return [marked.slice(0, -1).join(", "), marked.at(-1)].filter(Boolean).join(" and ");
}

function described(schema: TSchema): string {
  if (schema.type === "boolean") return "true or false";
  if (schema.type === "number" || schema.type === "integer") return describedNumber(schema);
  if (schema.anyOf) return oneOf(schema.anyOf);
  if (schema.pattern === instantPattern)
    return "a string with an RFC 3339 timestamp, such as 2030-01-31T09:00:00Z";
  if (schema.pattern === LabelParameter.pattern) return `a label as name:value. ${labelForm}`;
  if (schema.pattern === WebhookSecret.pattern) return "whsec_ followed by 24 to 64 bytes in Base64";
  if (schema.pattern === labelValuePattern)
    return `well-formed Unicode of ${schema.minLength ?? 0} to ${schema.maxLength} characters`;
  if (schema.pattern !== undefined) return `a string that matches ${schema.pattern}`;
  if (schema.type === "array")
    return `an array of ${schema.minItems ?? 0} to ${schema.maxItems} ${schema.uniqueItems ? "different " : ""}items`;
  if (schema.minLength !== undefined)
    return `a string of ${schema.minLength} to ${schema.maxLength} characters`;
  if (schema.maxLength !== undefined) return `a string of at most ${schema.maxLength} characters`;
  return schema.type === "object" ? "an object" : `a ${schema.type}`;
}

function describedNumber({ type, minimum, exclusiveMinimum, maximum }: TSchema): string {
  const what = type === "integer" ? "a whole number" : "a number";
  const from =
    exclusiveMinimum === undefined ? `from ${minimum} to` : `above ${exclusiveMinimum} and at most`;
  return `${what} ${from} ${maximum}`;
}

function invalid(field: string | undefined, detail: string): Refusal {
  return new Refusal("invalid-body", detail, fieldIfPlain(field));
}
