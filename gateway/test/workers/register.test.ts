import { describe, expect, test } from "bun:test";
import { limits } from "@sate/contracts";
import { named, testGateway } from "../support/gateway.ts";
import { remoteWorker } from "../support/worker.ts";

test("a registration announces processors, and says how often to send heartbeats", async () => {
  const gateway = testGateway();
  const retry = { tries: 3, first_seconds: 1, max_seconds: 60 };
  const input = { type: "object", properties: { pattern: { type: "string" } }, $defs: { a: {} } };
  const { registered, internalIds } = await remoteWorker(gateway, [
    { name: "transcode", input, timeout_seconds: 60, concurrency: 2, retry, version: "v7" },
    { name: "resize" },
  ]);
  expect(registered.json).toMatchObject({ heartbeat_seconds: 4 });
  const { json } = await gateway.get("/processors/transcode");
  expect(json).toMatchObject({
    kind: "remote",
    input,
    timeout_seconds: 60,
    concurrency: 2,
    retry,
    version: "v7",
  });
  expect(json.workers).toMatchObject([{ id: internalIds()[0] }]);
  expect((await gateway.get("/processors/resize")).json).toMatchObject({ timeout_seconds: 300 });
  expect(gateway.lines.find((line) => line.includes("remote worker registered"))).toContain(
    "transcode resize",
  );
});

test("the id of a worker is shown only to the client that registered it", async () => {
  const gateway = testGateway();
  const { id, internalIds } = await remoteWorker(gateway);
  expect(internalIds()).not.toContain(id);
  expect((await gateway.get("/processors")).text).not.toContain(id);
  expect(gateway.lines.join()).not.toContain(id);
});

const named64 = "x".repeat(65);
const refused: [body: unknown, field: string | undefined, says: string][] = [
  [{}, "processors", "missing"],
  [{ processors: [] }, "processors", `an array of 1 to ${limits.workerProcessorsMax} items`],
  [{ processors: [{}] }, "processors[0].name", "missing"],
  [{ processors: ["a"] }, "processors[0]", "an object"],
  [{ processors: [{ name: "a", kind: "module" }] }, "processors[0].kind", "only `name`, `input`"],
  [{ processors: [{ name: "sate:webhook" }] }, "processors[0].name", "a string that matches"],
  [{ processors: [{ name: named64 }] }, "processors[0].name", "a string that matches"],
  [{ processors: [{ name: "simulate" }] }, "processors[0].name", "simulation"],
  [{ processors: [{ name: "a" }, { name: "a" }] }, "processors", "twice"],
  [{ processors: [{ name: "a", concurrency: 0 }] }, "processors[0].concurrency", "a whole number from 1"],
  [{ processors: [{ name: "a", retry: { tries: 2 } }] }, "processors[0].retry.first_seconds", "missing"],
  [{ processors: [{ name: "a" }], name: "" }, "name", "a string of 1 to 255"],
];
const inputs: [input: unknown, says: string][] = [
  [null, "is not a JSON Schema"],
  [[], "is not a JSON Schema"],
  [5, "is not a JSON Schema"],
  [{ properties: { a: { pattern: "^(a+)+$" } } }, "`pattern`"],
  [{ patternProperties: { a: {} } }, "`patternProperties`"],
  [{ items: { type: ["string", "objet"] } }, "`type`"],
  [{ $ref: "https://schemas.example/a" }, "`$ref` to another document"],
  [{ $ref: "#/$defs/nothing" }, "can be applied"],
  [{ $ref: "#" }, "can be applied"],
  [{ enum: ["x".repeat(limits.inputSchemaCharsMax)] }, `more than ${limits.inputSchemaCharsMax} characters`],
];
const all = [
  ...refused,
  ...inputs.map(([input, says]): [unknown, string, string] => {
    return [{ processors: [{ name: "ok" }, { name: "a", input }] }, "processors[1].input", says];
  }),
];
describe.each(all.map(([body, ...rest]) => [JSON.stringify(body).slice(0, 80), body, ...rest] as const))(
  "%s",
  (_, body, field, says) => {
    test("is refused with the field and the reason, and nothing is announced", async () => {
      const gateway = testGateway();
      const answer = await gateway.post("/workers", JSON.stringify(body));
      expect([...named(answer), answer.json.field]).toEqual([422, "invalid-body", field]);
      expect(answer.json.detail).toContain(says);
      expect(gateway.requests.calls.registerWorker).toBeUndefined();
    });
  },
);

test("a worker that announces too many processors is refused and leaves nothing behind", async () => {
  const gateway = testGateway();
  for (let index = 1; index < limits.processorsMax; index++) {
    gateway.requests.processors.announce({ name: `p${index}`, kind: "module", timeout_seconds: 1 });
  }
  const answer = await gateway.post("/workers", '{"processors":[{"name":"one-more"}]}');
  expect([...named(answer), answer.json.field]).toEqual([422, "invalid-body", "processors"]);
  expect(gateway.requests.processors.workers.size).toBe(0);
});
