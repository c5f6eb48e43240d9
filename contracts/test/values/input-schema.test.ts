import { expect, test } from "bun:test";
import { unknownTypeIn } from "../../src/index.ts";

test("a type that JSON Schema does not have is found wherever the schema has a schema", () => {
  for (const schema of [
    { type: "objet" },
    { type: ["string", "objet"] },
    { properties: { default: { type: "objet" } } },
    { items: [{ type: "objet" }] },
    { $defs: { a: { not: { anyOf: [true, { additionalProperties: { type: "objet" } }] } } } },
  ]) {
    expect([schema, unknownTypeIn(schema)]).toEqual([schema, "objet"]);
  }
});

test("what is no schema may have a member named type", () => {
  for (const schema of [
    true,
    { type: ["null", "boolean", "object", "array", "number", "integer", "string"] },
    { properties: { type: { const: { type: "objet" } } }, required: ["type"] },
    { dependentRequired: { type: ["objet"] }, default: { type: "objet" }, enum: [{ type: "objet" }] },
    { "x-display": { type: "objet" } },
  ]) {
    expect([schema, unknownTypeIn(schema)]).toEqual([schema, undefined]);
  }
});
