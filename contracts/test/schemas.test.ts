import { expect, test } from "bun:test";
import { Kind } from "@sinclair/typebox";
import { TypeCompiler } from "@sinclair/typebox/compiler";
import * as contracts from "../src/index.ts";

type Found = { path: string; schema: Record<PropertyKey, unknown> };

/** Every object schema that can be reached from what this package exports. */
function objectSchemas(from: unknown, path: string, seen = new Set<unknown>()): Found[] {
  if (typeof from !== "object" || from === null || seen.has(from)) return [];
  seen.add(from);
  const schema = from as Found["schema"];
  const inner = Object.entries(schema).flatMap(([key, value]) =>
    objectSchemas(value, `${path}.${key}`, seen),
  );
  return schema[Kind] === "Object" ? [{ path, schema }, ...inner] : inner;
}

const found = objectSchemas({ ...contracts }, "contracts");

test("every object says whether it takes further properties: Elysia would say no for it", () => {
  expect(found.length).toBeGreaterThan(40);
  const silent = found.filter(({ schema }) => typeof schema.additionalProperties !== "boolean");
  expect(silent.map(({ path }) => path)).toEqual([]);
});

test("only what clients send to the public door is closed", () => {
  const closed = found.filter(({ schema }) => schema.additionalProperties === false);
  expect(closed.map(({ path }) => path).toSorted()).toEqual([
    "contracts.CreateExecution",
    "contracts.CreateRequest",
  ]);
});

test("a required payload must be there, null included", () => {
  const { CreateRequest } = contracts;
  const check = TypeCompiler.Compile(CreateRequest);
  for (const payload of [null, 0, "", [], {}]) expect(check.Check({ payload })).toBe(true);
  expect(check.Check({})).toBe(false);
  expect(check.Check({ payload: 1, state: 2 })).toBe(false);
});

test("no text is checked by a format that only some processes know", () => {
  const text = JSON.stringify(Object.values(contracts).filter((value) => typeof value === "object"));
  expect(text).not.toContain('"format"');
});

for (const [name, api] of Object.entries({
  requestsApi: contracts.requestsApi,
  resultsApi: contracts.resultsApi,
})) {
  test(`${name}: paths are its own, and every list in a body has a limit`, () => {
    const operations = Object.entries(api);
    const paths = operations.map(([, { path }]) => path);
    expect(new Set(paths).size).toBe(paths.length);
    for (const path of paths) expect(path).toMatch(/^\/internal(\/[a-z-]+)+$/);
    for (const [operation, { body }] of operations) {
      const unlimited = Object.entries(
        body.properties as Record<string, { type?: string; maxItems?: number }>,
      )
        .filter(([, property]) => property.type === "array" && property.maxItems === undefined)
        .map(([field]) => `${operation}.${field}`);
      expect(unlimited).toEqual([]);
    }
  });
}
