import { describe, expect, test } from "bun:test";
import { jsonValueOfDepth } from "@sate/contracts/test/any-json.ts";
import * as fc from "fast-check";
import { createCheck } from "../../src/payloads/check.ts";

const check = (schema: object | boolean, payload: string) =>
  createCheck()({ schema: JSON.stringify(schema), payload });
const reasons = (schema: object, payload: string) => {
  const checked = check(schema, payload);
  return checked.kind === "mismatch" ? checked.reasons : checked.kind;
};

describe("reasons", () => {
  test("give the JSON pointer of every error", () => {
    const schema = {
      type: "object",
      required: ["text"],
      properties: { size: { type: "integer", minimum: 1 }, tags: { items: { type: "string" } } },
      additionalProperties: false,
    };
    expect(reasons(schema, '{"size":0,"tags":["a",5],"a/b#~%41 é":1}')).toEqual([
      { pointer: "", detail: 'The value does not have required property "text".' },
      { pointer: "/size", detail: "It is less than 1." },
      { pointer: "/tags/1", detail: "It is of type number and must be string." },
      { pointer: "/a~1b#~0%41 é", detail: "It is not allowed here." },
    ]);
  });

  test("do not repeat values of the payload", () => {
    const schema = {
      properties: {
        a: { maximum: 5 },
        b: { multipleOf: 7 },
        c: { const: "x" },
        d: { enum: [1] },
        e: { anyOf: [{ type: "string" }, { minimum: 1e9 }] },
        f: { propertyNames: { maxLength: 3 } },
        g: { uniqueItems: true },
        i: { type: ["string", "null"] },
        h: { format: "email", maxLength: 2, pattern: "^z" },
      },
    };
    const found = reasons(
      schema,
      '{"a":31337,"b":31337,"c":"31337","d":31337,"e":31337,"f":{"31337":31337},"g":[31337,31337],"h":"31337","i":31337}',
    );
    expect(found).toHaveLength(11);
    expect(JSON.stringify(found)).not.toContain("31337");
    expect(found).toContainEqual({
      pointer: "/i",
      detail: "It is of type number and must be string or null.",
    });
  });

  test("are at most 20, and short", () => {
    const items = `[${"1,".repeat(100)}1]`;
    expect(reasons({ items: { type: "string" } }, items)).toHaveLength(20);
    const long = "k".repeat(10_000);
    const found = reasons({ additionalProperties: { enum: [long] } }, `{"${long}":1}`);
    expect(JSON.stringify(found).length).toBeLessThan(1_000);
  });
});

test.each<[name: string, schema: object, payload: string, kind: string]>([
  ["a number beyond doubles", { type: "number", maximum: 5 }, "1e400", "mismatch"],
  ["a number beyond doubles", { type: "integer" }, "9007199254740993", "match"],
  ["a key that means something", { required: ["toString"] }, "{}", "mismatch"],
  [
    "a key that means something",
    { properties: { a: {} }, additionalProperties: false },
    '{"__proto__":1}',
    "mismatch",
  ],
  [
    "a key that means something",
    { additionalProperties: { type: "string" } },
    '{"constructor":"a","a":"b"}',
    "match",
  ],
  [
    "half of a surrogate pair as a key",
    { additionalProperties: { type: "string" } },
    '{"\\ud800":"\\ud800"}',
    "match",
  ],
  [
    "half of a surrogate pair as a key",
    { additionalProperties: { type: "string" } },
    '{"\\ud800":1}',
    "mismatch",
  ],
])("%s: %j, %s", (_, schema, payload, kind) => {
  expect(check(schema, payload).kind).toBe(kind as never);
});

test.each<[name: string, schema: unknown]>([
  ["refers to another document", { $ref: "https://schemas.example/a.json" }],
  ["refers to nothing", { $ref: "#/$defs/a" }],
  ["refers to itself without end", { $ref: "#" }],
  ["has a pattern that is none", { pattern: "(" }],
  ["is of another shape", { enum: 5 }],
  ["is null", null],
])("a schema that %s is unusable", (_, schema) => {
  expect(check(schema as object, '"a"')).toEqual({ kind: "unusable" });
});

test("a large payload is checked up to its first error", () => {
  const schema = { items: { type: "string" } };
  const payload = `[${"1,".repeat(250_000)}1]`;
  expect(reasons(schema, payload)).toHaveLength(1);
  expect(check({ items: { type: "integer" } }, payload)).toEqual({ kind: "match" });
});

test("any payload matches a schema that allows everything, and none a schema that allows nothing", () => {
  const all = {
    properties: { a: true },
    additionalProperties: { items: {}, additionalProperties: {} },
    items: {},
  };
  fc.assert(
    fc.property(jsonValueOfDepth(20), (payload) => {
      expect(check(all, payload)).toEqual({ kind: "match" });
      expect(check({ not: {} }, payload).kind).toBe("mismatch");
    }),
    { numRuns: 300 },
  );
});
