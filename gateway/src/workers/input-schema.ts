import { limits, unknownTypeIn } from "@sate/contracts";

/**
 * Why a remote worker may not announce this input schema, as the end of a sentence; `undefined` if it may. Patterns are
 * refused because they may backtrack forever, and the gateway applies them to payloads of other clients.
 */
export function problemOfInput(input: unknown, inputJson: string): string | undefined {
  if (inputJson.length > limits.inputSchemaCharsMax) {
    return `has more than ${limits.inputSchemaCharsMax} characters`;
  }
  if (typeof input !== "boolean" && !isObject(input))
    return "is not a JSON Schema, which is an object, true or false";
  if (unknownTypeIn(input) !== undefined) return "has a `type` that JSON Schema does not have";
  const found = new Set<string>();
  JSON.stringify(input, (key, value) => {
    // A property may have this name: then the value is its schema.
    if (key === "pattern" && typeof value === "string") found.add("`pattern`");
    if (key === "patternProperties" && isObject(value)) found.add("`patternProperties`");
    if (key === "$ref" && typeof value === "string" && !value.startsWith("#"))
      found.add("`$ref` to another document");
    return value;
  });
  if (found.size === 0) return undefined;
  return `contains ${[...found].join(" and ")}, which remote workers may not announce; check it in the worker`;
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
