import { CreateExecution, CreateRequest, type JsonText, jsonMembers, Payload } from "@sate/contracts";
import type { TObject, TSchema } from "@sinclair/typebox";
import { Value } from "@sinclair/typebox/value";
import { isPlainName } from "./query.ts";
import { Refusal } from "./refusal.ts";

/** What a client asks for in the body of a request, its payload still the text that was sent. */

export function readNewRequest(text: JsonText | null): { payload_json: JsonText; processor?: string } {
  if (text === null) {
    throw new Refusal(
      "malformed-json",
      'The body is empty. Send JSON such as {"payload": …} with the header Content-Type: application/json.',
    );
  }
  const members = readEnvelope(text, CreateRequest);
  const processor = members.get("processor");
  return {
    payload_json: members.get("payload") as JsonText,
    ...(processor !== undefined && { processor: JSON.parse(processor) as string }),
  };
}

export function readNewExecution(text: JsonText | null): { force_error: boolean } {
  if (text === null) return { force_error: false };
  return { force_error: readEnvelope(text, CreateExecution).get("force_error") === "true" };
}

/** For an address that needs no body: none, or an object without fields. */
export function readNothing(text: JsonText | null): void {
  if (text !== null && jsonMembers(text)?.length !== 0) {
    throw new Refusal("invalid-body", "This address takes no body. Leave it out.");
  }
}

/** The members of a valid JSON text that has the shape of `schema`, a closed object. */
function readEnvelope(text: JsonText, schema: TObject): Map<string, JsonText> {
  const found = jsonMembers(text);
  const names = Object.keys(schema.properties);
  const required = schema.required ?? [];
  if (found === null) {
    const detail = `The body must be a JSON object with ${names.join(" and ")}.`;
    throw invalid(required[0], detail);
  }
  const members = new Map<string, JsonText>();
  for (const { key, value } of found) {
    if (members.has(key)) {
      const detail = "A field of the body is given twice, so its meaning is not certain. Give it once.";
      throw new Refusal("duplicate-key", detail, isPlainName(key) ? { field: key } : {});
    }
    members.set(key, value);
  }
  for (const [key, value] of members) checkMember(key, value, schema);
  const missing = required.find((name) => !members.has(name));
  if (missing !== undefined) throw invalid(missing, `The field ${missing} is required.`);
  return members;
}

function checkMember(key: string, value: JsonText, schema: TObject): void {
  const known: TSchema | undefined = Object.hasOwn(schema.properties, key)
    ? schema.properties[key]
    : undefined;
  if (known === undefined) {
    const names = Object.keys(schema.properties).join(" and ");
    throw invalid(key, `The body has a field that is not known. It may have ${names}.`);
  }
  if (known === Payload || Value.Check(known, JSON.parse(value))) return;
  throw invalid(key, `The field ${key} must be ${described(known)}.`);
}

function described(schema: TSchema): string {
  if (schema.type === "boolean") return "true or false";
  return schema.pattern === undefined ? `a ${schema.type}` : `a string that matches ${schema.pattern}`;
}

function invalid(field: string | undefined, detail: string): Refusal {
  return new Refusal("invalid-body", detail, field !== undefined && isPlainName(field) ? { field } : {});
}
