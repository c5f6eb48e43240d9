import { type Schema, Validator } from "@cfworker/json-schema";
import { unknownTypeIn } from "@sate/contracts";
import type { Handler } from "../ports.ts";
import { failed } from "./ends.ts";
import { mismatchOf, payloadMismatch } from "./mismatch.ts";

/** `before` wraps a handler: a payload that does not match the schema fails as `invalid_input`, without calling it. */
export type InputCheck =
  | { kind: "usable"; before(handler: Handler): Handler }
  | { kind: "wrong"; problem: string };

/**
 * Checks payloads again before they run, because the gateway checks them only when they are submitted, and against the
 * newest announcement, which may be that of another version. JSON Schema 2020-12.
 */
export function inputCheck(schema: Schema): InputCheck {
  const unknownType = unknownTypeIn(schema);
  if (unknownType !== undefined) {
    return { kind: "wrong", problem: `\`input\` is not a JSON Schema: there is no type \`${unknownType}\`.` };
  }
  let validator: Validator;
  try {
    validator = new Validator(schema, "2020-12");
    validator.validate(null); // throws if a reference cannot be resolved
  } catch (error) {
    const [why = ""] = error instanceof Error ? error.message.split(/\.?\s*\n|\.\s/) : [];
    return { kind: "wrong", problem: `\`input\` is not a JSON Schema: ${why.slice(0, 100)}.` };
  }
  return {
    kind: "usable",
    before: (handler) => async (run) => {
      const mismatch = mismatchOf(validator, JSON.parse(run.payloadJson), payloadMismatch);
      return mismatch === null ? handler(run) : failed("invalid_input", mismatch, false);
    },
  };
}
