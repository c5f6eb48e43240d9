const types = ["null", "boolean", "object", "array", "number", "integer", "string"];
/** Members that hold a schema or a list of schemas. */
const schemas = new Set([
  ...["items", "prefixItems", "contains", "unevaluatedItems", "additionalItems"],
  ...["additionalProperties", "unevaluatedProperties", "propertyNames"],
  ...["allOf", "anyOf", "oneOf", "not", "if", "then", "else"],
]);
/** Members that hold schemas by name. */
const schemasByName = new Set([
  "properties",
  "patternProperties",
  "dependentSchemas",
  "$defs",
  "definitions",
]);

/**
 * A `type` in the schema that JSON Schema does not have, which no value can match, such as `objet`; `undefined` if there
 * is none. https://json-schema.org/draft/2020-12/json-schema-validation#section-6.1.1
 */
export function unknownTypeIn(schema: unknown): string | undefined {
  if (!isObject(schema)) return undefined;
  for (const [member, value] of Object.entries(schema)) {
    if (member === "type") {
      const unknown = [value].flat().find((one) => typeof one === "string" && !types.includes(one));
      if (unknown !== undefined) return unknown;
    }
    for (const below of schemasOf(member, value)) {
      const unknown = unknownTypeIn(below);
      if (unknown !== undefined) return unknown;
    }
  }
  return undefined;
}

function schemasOf(member: string, value: unknown): unknown[] {
  if (schemas.has(member)) return [value].flat();
  return schemasByName.has(member) && isObject(value) ? Object.values(value) : [];
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
