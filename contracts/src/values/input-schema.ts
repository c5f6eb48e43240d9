const types = ["null", "boolean", "object", "array", "number", "integer", "string"];
/** Their values are data of the user, not schemas. */
const data = new Set(["const", "enum", "default", "examples"]);

/**
 * A `type` in the schema that JSON Schema does not have, which no value can match, such as `objet`; `undefined` if there
 * is none. https://json-schema.org/draft/2020-12/json-schema-validation#section-6.1.1
 */
export function unknownTypeIn(schema: object): string | undefined {
  let unknown: string | undefined;
  JSON.stringify(schema, (key, value) => {
    if (data.has(key)) return undefined;
    // A property may have this name: then the value is its schema.
    const named = key === "type" ? [value].flat().filter((one) => typeof one === "string") : [];
    unknown ??= named.find((one) => !types.includes(one));
    return value;
  });
  return unknown;
}
