import { expect, test } from "bun:test";
import { Kind } from "@sinclair/typebox";
import { TypeCompiler } from "@sinclair/typebox/compiler";
import * as contracts from "../src/index.ts";

type Found = { path: string; schema: Record<PropertyKey, unknown> };

/** Every schema of a kind that is reachable from what this package exports. */
function schemasOf(
  kind: string,
  from: unknown = { ...contracts },
  path = "contracts",
  seen = new Set<unknown>(),
): Found[] {
  if (typeof from !== "object" || from === null || seen.has(from)) return [];
  seen.add(from);
  const schema = from as Found["schema"];
  const inner = Object.entries(schema).flatMap(([key, value]) =>
    schemasOf(kind, value, `${path}.${key}`, seen),
  );
  return schema[Kind] === kind ? [{ path, schema }, ...inner] : inner;
}

const objects = schemasOf("Object");

test("every object states whether it accepts further properties, because Elysia would default to no", () => {
  expect(objects.length).toBeGreaterThan(40);
  const unstated = objects.filter(({ schema }) => typeof schema.additionalProperties !== "boolean");
  expect(unstated.map(({ path }) => path)).toEqual([]);
});

test("only what clients send to the public API is closed", () => {
  const closed = objects.filter(({ schema }) => schema.additionalProperties === false);
  const bodies = new Set(closed.map(({ path }) => path.split(".")[1]));
  expect([...bodies].toSorted()).toEqual([
    "CancelExecutions",
    "ClaimRuns",
    "CreateExecution",
    "CreateRequest",
    "CreateRequests",
    "CreateSchedule",
    "CreateWebhook",
    "FinishRun",
    "RegisterWorker",
    "ReplayDeadLetters",
    "RotateSecret",
    "WorkerHeartbeat",
  ]);
});

test("a required payload must be present, and null is a value", () => {
  const { CreateRequest } = contracts;
  const check = TypeCompiler.Compile(CreateRequest);
  for (const payload of [null, 0, "", [], {}]) expect(check.Check({ payload })).toBe(true);
  expect(check.Check({})).toBe(false);
  expect(check.Check({ payload: 1, state: 2 })).toBe(false);
});

test("every timestamp says that it is UTC", () => {
  const timestamps = schemasOf("String").filter(
    ({ schema }) => schema.pattern === contracts.timestampPattern,
  );
  expect(timestamps.length).toBeGreaterThan(0);
  for (const { path, schema } of timestamps) {
    expect({ path, description: schema.description }).toEqual({
      path,
      description: expect.stringContaining("UTC"),
    });
  }
});

test("every description is a sentence; that of a setting completes one", () => {
  const isSetting = (path: string) => /\.[A-Z][A-Z_]+$/.test(path);
  const descriptions = ["Object", "String", "Integer", "Number", "Boolean", "Unknown", "Union"]
    .flatMap((kind) => schemasOf(kind))
    .filter(({ path, schema }) => schema.description !== undefined && !isSetting(path))
    .map(({ schema }) => schema.description);
  expect(descriptions.length).toBeGreaterThan(20);
  for (const description of descriptions) expect(description).toMatch(/^[A-Z{].*\.$/);
});

test("no schema uses a format, because only some processes know it", () => {
  const text = JSON.stringify(Object.values(contracts).filter((value) => typeof value === "object"));
  expect(text).not.toContain('"format"');
});

for (const [name, api] of Object.entries({
  requestsApi: contracts.requestsApi,
  resultsApi: contracts.resultsApi,
})) {
  test(`${name}: every path is unique and every list in a body has a limit`, () => {
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
