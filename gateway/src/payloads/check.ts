import { type OutputUnit, type Schema, Validator } from "@cfworker/json-schema";
import { type Reason, reasonsOf } from "./reasons.ts";

/** A payload and the input schema of its processor, both as JSON text. */
export type Check = { schema: string; payload: string };

/**
 * - unusable: the schema cannot be applied: it refers to something that it does not contain, refers to itself without
 *   end, or is not a JSON Schema.
 */
export type Checked = { kind: "match" } | { kind: "mismatch"; reasons: Reason[] } | { kind: "unusable" };

const validatorsMax = 100;
/** Of a larger payload, only the first error in each object and array is found: there could be hundreds of thousands. */
const allReasonsCharsMax = 64 * 1024;

/**
 * Creates the function that checks payloads against a JSON Schema 2020-12. It never throws, but it may never return: a
 * schema can demand any amount of work. So it runs in a thread of its own (thread.ts). It checks what `JSON.parse`
 * returns for a payload, so numbers are doubles.
 */
export function createCheck(): (check: Check) => Checked {
  const validators = new Map<string, { all: Validator; first: Validator }>();

  function validatorsOf(schema: string) {
    const known = validators.get(schema);
    if (known) return known;
    const parsed = JSON.parse(schema) as Schema;
    const all = new Validator(parsed, "2020-12", false);
    const first = new Validator(parsed, "2020-12", true);
    if (validators.size >= validatorsMax) validators.clear();
    validators.set(schema, { all, first });
    return { all, first };
  }

  return ({ schema, payload }) => {
    try {
      const { all, first } = validatorsOf(schema);
      const validator = payload.length > allReasonsCharsMax ? first : all;
      const { valid, errors } = validate(validator, JSON.parse(payload));
      return valid ? { kind: "match" } : { kind: "mismatch", reasons: reasonsOf(errors) };
    } catch {
      return { kind: "unusable" };
    }
  };
}

function validate(validator: Validator, payload: unknown): { valid: boolean; errors: OutputUnit[] } {
  try {
    return validator.validate(payload);
  } catch (error) {
    // The validator cannot report a property whose name is not well-formed Unicode, such as "\ud800".
    if (error instanceof URIError) return validator.validate(wellFormed(payload));
    throw error;
  }
}

function wellFormed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(wellFormed);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => [key.toWellFormed(), wellFormed(member)]),
  );
}
