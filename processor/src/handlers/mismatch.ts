import type { Validator } from "@cfworker/json-schema";

// This runs in children, too, so it imports nothing that takes long to load.

export const payloadMismatch = "The payload does not match the input schema of the processor";

const charsMax = 500;

/**
 * Why a value does not match the schema of the validator, as a sentence that begins with `beginning`; `null` if it does.
 * It has the first error at the deepest location, since those above it only say that something below is wrong.
 */
export function mismatchOf(validator: Validator, value: unknown, beginning: string): string | null {
  const { valid, errors } = validator.validate(value);
  if (valid) return null;
  const depth = (pointer: string) => pointer.split("/").length;
  const [deepest] = errors.toSorted((a, b) => depth(b.instanceLocation) - depth(a.instanceLocation));
  const { instanceLocation = "#", error = "" } = deepest ?? {};
  const pointer = instanceLocation.slice(1);
  const where = pointer === "" ? "" : ` at ${pointer}`;
  return `${beginning}${where}: ${error}`.slice(0, charsMax);
}
