import { describe, expect, test } from "bun:test";
import { problems } from "@sate/contracts";
import { Validator } from "@seriousme/openapi-schema-validator";
import Ajv from "ajv";
import { newKey, readKeys } from "../../src/access/api-keys.ts";
import { result } from "../fakes/results.ts";
import { type Answer, type TestGateway, testGateway } from "../support/gateway.ts";
import { type ClaimedRun, queued, remoteWorker } from "../support/worker.ts";

type Content = Record<
  string,
  { schema: { $ref?: string }; example?: unknown; examples?: Record<string, { value: unknown }> }
>;
type Operation = {
  operationId: string;
  description?: string;
  security?: object[];
  parameters?: { name: string; in: string }[];
  requestBody?: { required: boolean; content: Content };
  responses: Record<string, { content?: Content }>;
};
type Document = {
  servers: { url: string }[];
  security?: object[];
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, object>; securitySchemes?: object };
};

const { keys } = readKeys(newKey("a", ["read"]).entry, "keys");
const withKeys = () => testGateway({ apiKeys: keys });

async function documentOf(gateway = testGateway()): Promise<Document> {
  return (await gateway.get("/swagger/json")).json as never;
}
const operationsOf = ({ paths }: Document) => Object.values(paths).flatMap((path) => Object.values(path));
const documentedRoutes = (gateway: TestGateway) =>
  gateway.app.routes.filter(({ path }) => !path.startsWith("/swagger"));
const operationAt = ({ paths }: Document, { method, path }: { method: string; path: string }) => {
  const operation = paths[path.replaceAll(/:(\w+)/g, "{$1}")]?.[method.toLowerCase()];
  if (!operation) throw new Error(`${method} ${path} is not documented`);
  return operation;
};

describe.each([
  ["without keys", testGateway],
  ["with keys", withKeys],
] as const)("%s", (_, make) => {
  test("the document is valid OpenAPI 3.1 without dangling references", async () => {
    const document = await documentOf(make());
    const { valid, errors } = await new Validator().validate(structuredClone(document));
    expect([valid, errors]).toEqual([true, undefined]);
    const names = Object.keys(document.components.schemas);
    for (const [, name] of JSON.stringify(document).matchAll(/"#\/components\/schemas\/(\w+)"/g)) {
      expect(names).toContain(name as string);
    }
    const ids = operationsOf(document).map(({ operationId }) => operationId);
    expect(new Set(ids).size).toBe(ids.length);
  });

  test("every route is documented with its problems and parameters", async () => {
    const gateway = make();
    const document = await documentOf(gateway);
    const routes = documentedRoutes(gateway);
    expect(routes.length).toBeGreaterThan(12);
    for (const { method, path } of routes) {
      const operation = operationAt(document, { method, path });
      expect(operation.responses["500"]?.content).toHaveProperty(["application/problem+json"]);
      const inPath = operation.parameters?.filter((parameter) => parameter.in === "path") ?? [];
      const wanted = [...path.matchAll(/:(\w+)/g)].map(([, name]) => name as string);
      expect(inPath.map(({ name }) => name)).toEqual(wanted);
      if (/^\/(requests|processors|schedules|workers)/.test(path))
        expect(operation.responses).toHaveProperty("503");
      const ofUnknown = path.startsWith("/workers") ? "410" : "404";
      if (wanted.length > 0) expect(operation.responses).toHaveProperty(ofUnknown);
    }
    expect(operationsOf(document)).toHaveLength(routes.length);
  });

  test("bodies are JSON only, and what is optional is documented as such", async () => {
    const document = await documentOf(make());
    const text = JSON.stringify(document);
    for (const type of ["multipart/form-data", "x-www-form-urlencoded"]) expect(text).not.toContain(type);
    const { createRequest, createExecution, cancelExecution, listRequests } = Object.fromEntries(
      operationsOf(document).map((operation) => [operation.operationId, operation]),
    );
    const media = (operation?: Operation) => operation?.requestBody?.content["application/json"];
    expect(createRequest?.requestBody?.required).toBe(true);
    expect(media(createRequest)?.schema.$ref).toBe("#/components/schemas/CreateRequest");
    expect(createExecution?.requestBody?.required).toBe(false);
    expect(media(createExecution)?.schema.$ref).toBe("#/components/schemas/CreateExecution");
    expect(cancelExecution?.requestBody).toBeUndefined();
    expect(listRequests?.parameters).toMatchObject([
      ...["processor", "label", "since", "until"].map((name) => ({ name, in: "query", required: false })),
      { name: "limit", in: "query", required: false, schema: { type: "integer", minimum: 1, maximum: 100 } },
      { name: "cursor", in: "query", required: false, schema: { type: "string" } },
    ]);
  });
});

test("the table of the README has every route of the document, and no other", async () => {
  const { paths } = await documentOf();
  const normal = (path: string) => path.replaceAll(/\{\w+\}/g, "{}");
  const documented = Object.entries(paths).flatMap(([path, operations]) =>
    Object.keys(operations).map((method) => `${method.toUpperCase()} ${normal(path)}`),
  );
  const readme = await Bun.file(`${import.meta.dir}/../../README.md`).text();
  const rows = [...readme.matchAll(/^\| `([A-Z]+)` +\| (.+?) +\|/gm)];
  const listed = rows.flatMap(([, method, names = ""]) =>
    [...names.matchAll(/`(.+?)`/g)].map(([, path = ""]) => `${method} ${normal(path)}`),
  );
  const besides = ["GET /swagger", "GET /swagger/json"];
  expect(listed.toSorted()).toEqual([...documented, ...besides].toSorted());
});

test("every problem is documented on some route", async () => {
  const closable = testGateway({}, { closed: () => null });
  const documents = [await documentOf(), await documentOf(withKeys()), await documentOf(closable)];
  const operations = documents.flatMap(operationsOf);
  const responses = operations.flatMap((operation) => Object.values(operation.responses));
  const names = responses.flatMap(({ content }) =>
    Object.keys(content?.["application/problem+json"]?.examples ?? {}),
  );
  // These belong to addresses and methods that there are not, and to the routes of a move, which are not in the document.
  const all = new Set([...names, "not-found", "method-not-allowed", "other-move"]);
  expect([...all].sort()).toEqual(Object.keys(problems).sort());
});

test("the document says whether this server requires a key, and with which scope", async () => {
  const gateway = withKeys();
  const document = await documentOf(gateway);
  expect(document).toMatchObject({
    security: [{ apiKey: [] }],
    components: { securitySchemes: { apiKey: { type: "http", scheme: "bearer" } } },
  });
  for (const { method, path, hooks } of documentedRoutes(gateway)) {
    const operation = operationAt(document, { method, path });
    const scope = (hooks.detail as unknown as Record<string, string>)["x-required-scope"];
    const statuses = Object.keys(operation.responses).filter((status) => /^40[13]$/.test(status));
    if (scope === "none") expect([path, operation.security, statuses]).toEqual([path, [], []]);
    else {
      expect([path, operation.security, statuses]).toEqual([path, undefined, ["401", "403"]]);
      expect(operation.description).toContain(`\`${scope}\` scope`);
    }
  }
  const open = await documentOf();
  expect([open.security, open.components.securitySchemes]).toEqual([undefined, undefined]);
  for (const operation of operationsOf(open)) {
    expect([operation.operationId, operation.responses]).not.toHaveProperty(["1", "401"]);
    expect(JSON.stringify(operation)).not.toContain("API key with");
  }
});

test("the document's server is relative, or PUBLIC_URL", async () => {
  expect((await documentOf()).servers).toMatchObject([{ url: ".." }]);
  const publicUrl = "https://sate.example/prefix";
  for (const given of [publicUrl, `${publicUrl}/`]) {
    expect((await documentOf(testGateway({ publicUrl: given }))).servers).toMatchObject([{ url: publicUrl }]);
  }
});

test("every timestamp says that it is UTC", async () => {
  const { components } = await documentOf();
  const dates: [string, { description?: string }][] = [];
  const visit = (value: unknown): void => {
    if (value === null || typeof value !== "object") return;
    for (const [key, member] of Object.entries(value)) {
      if (/_date$|_time$|_at$/.test(key)) dates.push([key, member]);
      visit(member);
    }
  };
  visit(components.schemas);
  expect(dates.length).toBeGreaterThanOrEqual(6);
  for (const [key, { description }] of dates)
    expect([key, description]).toEqual([key, expect.stringContaining("UTC")]);
});

test("responses match their documented schemas", async () => {
  const gateway = testGateway();
  const document = await documentOf(gateway);
  const ajv = new Ajv({ strict: false, formats: { "date-time": true } });
  ajv.addSchema(document, "document");
  const id = await gateway.stored('{"a":[1,null]}');
  const execution = await gateway.started(id);
  const ofExecution = `/requests/${id}/executions/${execution}`;
  gateway.results.records.push(result(id, 1, { execution_id: execution }));
  const unknown = "01900000-0000-7000-8000-000000000000";
  const worker = await remoteWorker(gateway);
  await queued(gateway);
  const claimed = await worker.claim();
  const [run] = (claimed.json as unknown as { runs: [ClaimedRun] }).runs;
  const letter = {
    ...{ id: "a/b", time: 1, partition: 0, offset: "0", reason: "lost", request_id: id, attempt: 1 },
    ...{ execution_id: execution, value_base64: btoa("{}"), headers_json: '{"a":"AA=="}' },
  };
  gateway.results.deadLetters.push(letter);
  gateway.requests.deadLetters.set("record", { kind: "published", topic: "failed_executions" });
  const schedule = await gateway.post("/schedules", '{"cron":"@daily","request":{"payload":1}}');
  const asked: [operationId: string, answer: Answer][] = [
    ["createRequest", await gateway.post("/requests", '{"payload":{},"processor":"simulate"}')],
    ["createRequest", await gateway.post("/requests", '{"payload":{},"processor":"unknown"}')],
    ["createRequest", await gateway.post("/requests", "{}")],
    ["createRequest", await gateway.post("/requests", "{}", { "content-type": "text/plain" })],
    ["listRequests", await gateway.get("/requests?limit=1")],
    ["listRequests", await gateway.get("/requests?limit=0")],
    ["getRequest", await gateway.get(`/requests/${id}`)],
    ["getRequest", await gateway.get(`/requests/${unknown}`)],
    ["createExecution", await gateway.post(`/requests/${await gateway.stored()}/executions`)],
    ["createExecution", await gateway.post(`/requests/${id}/executions`)],
    ["listExecutions", await gateway.get(`/requests/${id}/executions`)],
    ["getExecution", await gateway.get(ofExecution)],
    ["resultsOfRequest", await gateway.get(`/requests/${id}/results`)],
    ["resultsOfExecution", await gateway.get(`${ofExecution}/results`)],
    ["cancelExecution", await gateway.post(`${ofExecution}/cancel`)],
    ["listDeadLetters", await gateway.get("/dead-letters?reason=lost")],
    ["listDeadLetters", await gateway.get("/dead-letters?reason=other")],
    ["getDeadLetter", await gateway.get("/dead-letters/a~2fb")],
    ["getDeadLetter", await gateway.get("/dead-letters/unknown")],
    ["replayDeadLetter", await gateway.post("/dead-letters/record/replay")],
    ["replayDeadLetter", await gateway.post("/dead-letters/unknown/replay")],
    ["replayDeadLetters", await gateway.post("/dead-letters/replay", '{"filter":{"all":true}}')],
    ["replayDeadLetters", await gateway.post("/dead-letters/replay", '{"filter":{}}')],
    ["listProcessors", await gateway.get("/processors")],
    ["getProcessor", await gateway.get("/processors/simulate")],
    ["getProcessor", await gateway.get("/processors/nothing")],
    ["withdrawProcessor", await gateway.ask("DELETE", "/processors/simulate")],
    ["createSchedule", schedule],
    ["createSchedule", await gateway.post("/schedules", "{}")],
    ["getSchedule", await gateway.get(`/schedules/${schedule.json.id}`)],
    ["getSchedule", await gateway.get(`/schedules/${unknown}`)],
    ["listSchedules", await gateway.get("/schedules")],
    ["pauseSchedule", await gateway.post(`/schedules/${schedule.json.id}/pause`)],
    ["resumeSchedule", await gateway.post(`/schedules/${schedule.json.id}/resume`)],
    ["registerWorker", worker.registered],
    ["registerWorker", await gateway.post("/workers", "{}")],
    ["claimRuns", claimed],
    ["heartbeat", await worker.heartbeat([run])],
    ["finishRun", await worker.finish(run, { outputs: 1 })],
    [
      "finishRun",
      await gateway.post(`/workers/${unknown}/finish`, JSON.stringify({ ...worker.refOf(run), outputs: 1 })),
    ],
    ["welcome", await gateway.get("/")],
    ["live", await gateway.get("/live")],
    ["ready", await gateway.get("/ready")],
  ];
  for (const [operationId, { status, json, headers }] of asked) {
    const operation = operationsOf(document).find((one) => one.operationId === operationId);
    const type = headers.get("content-type")?.split(";")[0] as string;
    const media = operation?.responses[status]?.content?.[type];
    expect([operationId, status, media?.schema]).toEqual([operationId, status, expect.anything()]);
    const validate = ajv.compile({ $ref: `document${media?.schema.$ref}` });
    expect([operationId, status, validate(json), validate.errors]).toEqual([operationId, status, true, null]);
  }
});

test("the examples match their schemas", async () => {
  const document = await documentOf();
  const ajv = new Ajv({ strict: false, formats: { "date-time": true } });
  ajv.addSchema(document, "document");
  const examples = operationsOf(document).flatMap(({ requestBody, responses }) =>
    [requestBody, ...Object.values(responses)].flatMap((one) =>
      Object.values(one?.content ?? {}).flatMap(({ schema, example, examples = {} }) =>
        [example, ...Object.values(examples).map(({ value }) => value)]
          .filter((value) => value !== undefined)
          .map((value) => ({ schema, value })),
      ),
    ),
  );
  expect(examples.length).toBeGreaterThan(30);
  const refs = new Set(examples.map(({ schema }) => schema.$ref));
  const validators = new Map([...refs].map(($ref) => [$ref, ajv.compile({ $ref: `document${$ref}` })]));
  for (const { schema, value } of examples) {
    const validate = validators.get(schema.$ref) as ReturnType<typeof ajv.compile>;
    expect([value, validate(value), validate.errors]).toEqual([value, true, null]);
  }
});
