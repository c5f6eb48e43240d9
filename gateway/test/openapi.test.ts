import { expect, test } from "bun:test";
import { problems } from "@sate/contracts";
import { Validator } from "@seriousme/openapi-schema-validator";
import { scopeWanted } from "../src/access.ts";
import { testGateway } from "./gateway.ts";

type Operation = {
  operationId: string;
  description?: string;
  security?: object[];
  parameters?: { name: string; in: string }[];
  responses: Record<string, { content?: Record<string, { examples?: Record<string, unknown> }> }>;
};
type Document = { paths: Record<string, Record<string, Operation>>; components: { schemas: object } };

async function documentOf(gateway = testGateway()): Promise<Document> {
  return (await gateway.get("/swagger/json")).json as never;
}

test("the document is valid OpenAPI 3.0, and every reference leads somewhere", async () => {
  const document = await documentOf();
  const { valid, errors } = await new Validator().validate(structuredClone(document));
  expect([valid, errors]).toEqual([true, undefined]);
  const names = Object.keys(document.components.schemas);
  for (const [, name] of JSON.stringify(document).matchAll(/"#\/components\/schemas\/(\w+)"/g)) {
    expect(names).toContain(name as string);
  }
});

test("every route of the app is documented, with its problems and its parameters", async () => {
  const gateway = testGateway();
  const { paths } = await documentOf(gateway);
  const routes = gateway.app.routes.filter(({ path }) => !path.startsWith("/swagger"));
  expect(routes.length).toBeGreaterThan(12);
  for (const { method, path } of routes) {
    const inDocument = path.replaceAll(/:(\w+)/g, "{$1}");
    const operation = paths[inDocument]?.[method.toLowerCase()];
    if (!operation) throw new Error(`${method} ${path} is not documented`);
    expect(operation.responses["500"]?.content).toHaveProperty(["application/problem+json"]);
    const inPath = operation.parameters?.filter((parameter) => parameter.in === "path") ?? [];
    const wanted = [...path.matchAll(/:(\w+)/g)].map(([, name]) => name as string);
    expect(inPath.map(({ name }) => name)).toEqual(wanted);
    if (path.startsWith("/requests")) expect(operation.responses).toHaveProperty("503");
    if (wanted.length > 0) expect(operation.responses).toHaveProperty("404");
  }
  const documented = Object.values(paths).flatMap((methods) => Object.keys(methods));
  expect(documented).toHaveLength(routes.length);
});

test("every problem that the door can answer is documented somewhere", async () => {
  const { paths } = await documentOf();
  const seen = new Set<string>();
  for (const operation of Object.values(paths).flatMap((methods) => Object.values(methods))) {
    for (const { content } of Object.values(operation.responses)) {
      for (const name of Object.keys(content?.["application/problem+json"]?.examples ?? {})) seen.add(name);
    }
  }
  // These belong to addresses and methods that there are not.
  const elsewhere = ["not-found", "method-not-allowed"];
  expect([...seen, ...elsewhere].sort()).toEqual(Object.keys(problems).sort());
});

test("the document says what asks for a key, and what for", async () => {
  const gateway = testGateway();
  const document = await documentOf(gateway);
  expect(document).toMatchObject({
    security: [{ apiKey: [] }],
    components: { securitySchemes: { apiKey: { type: "http", scheme: "bearer" } } },
  });
  for (const { method, path } of gateway.app.routes.filter(({ path }) => !path.startsWith("/swagger"))) {
    const operation = document.paths[path.replaceAll(/:(\w+)/g, "{$1}")]?.[method.toLowerCase()];
    const wanted = scopeWanted(method, path);
    const statuses = Object.keys(operation?.responses ?? {}).filter((status) => /^40[13]$/.test(status));
    if (wanted === "none") expect([path, operation?.security, statuses]).toEqual([path, [], []]);
    else if (wanted === "any") expect([path, statuses]).toEqual([path, ["401"]]);
    else {
      expect([path, statuses]).toEqual([path, ["401", "403"]]);
      expect(operation?.description).toContain(`scope ${wanted}.`);
    }
  }
});

test("the page names a pinned script and the document", async () => {
  const { text } = await testGateway().get("/swagger");
  expect(text).toContain('data-url="swagger/json"');
  expect(text).not.toContain("@latest");
});
