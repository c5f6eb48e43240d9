import { type Schema, Validator } from "@cfworker/json-schema";
import type { Handler } from "../ports.ts";
import { failed } from "./ends.ts";
import { misfitOf, payloadMisfits } from "./misfit.ts";

/** A handler that runs only payloads that fit the schema; to others it ends as failed, `invalid_input`. */
export type InputCheck =
  | { kind: "usable"; before(handler: Handler): Handler }
  | { kind: "wrong"; problem: string };

/**
 * Checks payloads again where they run: the gateway checks them against the newest announcement, which may be another
 * version's, and stored requests are older than both. JSON Schema 2020-12.
 */
export function inputCheck(schema: Schema): InputCheck {
  let validator: Validator;
  try {
    validator = new Validator(schema, "2020-12");
    validator.validate(null); // shows references that lead nowhere
  } catch (error) {
    const [why = ""] = error instanceof Error ? error.message.split(/\.?\s*\n|\.\s/) : [];
    return { kind: "wrong", problem: `\`input\` is not a JSON Schema: ${why.slice(0, 100)}.` };
  }
  return {
    kind: "usable",
    before: (handler) => async (run) => {
      const misfit = misfitOf(validator, JSON.parse(run.payloadJson), payloadMisfits);
      return misfit === null ? handler(run) : failed("invalid_input", misfit, false);
    },
  };
}
