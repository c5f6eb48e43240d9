import { expect, test } from "bun:test";
import { Unavailable } from "@sate/contracts";
import { named, testGateway } from "../support/gateway.ts";

const input = { type: "object", required: ["text"], properties: { text: { type: "string" } } };

function withProcessor(schema: object = input) {
  const gateway = testGateway();
  const announce = (input_json: string) =>
    gateway.requests.processors.announce({ name: "count", kind: "module", timeout_seconds: 1, input_json });
  announce(JSON.stringify(schema));
  const post = (payload: string) => gateway.post("/requests", `{"payload":${payload},"processor":"count"}`);
  return { gateway, announce, post };
}

test("a request that names an unknown processor is refused with the known names, and nothing is stored", async () => {
  const { gateway } = withProcessor();
  const answer = await gateway.post("/requests", '{"payload":1,"processor":"coumt"}');
  expect(named(answer)).toEqual([422, "unknown-processor"]);
  expect(answer.json.processors).toEqual(["count", "simulate"]);
  expect(answer.text).not.toContain("coumt");
  expect(gateway.requests.requests.size).toBe(0);
});

test("a payload that does not match is refused with pointers, and nothing is stored", async () => {
  const { gateway, post } = withProcessor();
  const answer = await post('{"text":31337}');
  expect(named(answer)).toEqual([422, "invalid-payload"]);
  expect(answer.json.errors).toEqual([
    { pointer: "/text", detail: "It is of type number and must be string." },
  ]);
  expect(answer.text).not.toContain("31337");
  expect(gateway.requests.requests.size).toBe(0);
  expect((await post('{"text":"a"}')).status).toBe(201);
});

test("the check leaves the payload as it was sent", async () => {
  const { gateway, post } = withProcessor();
  const payload =
    '{ "text":"\\u0061\\ud800", "__proto__":{"admin":true},"2":1e400,"1":-0,"a":1,"a":9007199254740993 }';
  const answer = await post(payload);
  expect([answer.status, answer.text.includes(`"payload":${payload}`)]).toEqual([201, true]);
  expect(gateway.requests.requests.get(answer.json.id)?.payload_json).toBe(payload);
  expect(({} as Record<string, unknown>).admin).toBeUndefined();
});

test("a request without a processor fetches no announcement; others fetch it at most once a second", async () => {
  const { gateway, announce, post } = withProcessor();
  gateway.time.nowMs = 1;
  await gateway.stored();
  expect(gateway.requests.calls.getProcessor).toBeUndefined();
  await Promise.all(Array.from({ length: 20 }, () => post('{"text":""}')));
  expect(gateway.requests.calls.getProcessor).toBe(1);
  announce("{}");
  gateway.time.nowMs = 1_000;
  expect((await post("1")).status).toBe(422);
  gateway.time.nowMs = 1_001;
  expect((await post("1")).status).toBe(201);
  expect(gateway.requests.calls.getProcessor).toBe(2);
});

test("unknown processors and failed calls are not cached", async () => {
  const { gateway, post } = withProcessor();
  gateway.requests.control.before = () => {
    throw new Unavailable("no response");
  };
  expect(named(await post('{"text":""}'))).toEqual([503, "unavailable"]);
  gateway.requests.control.before = () => {};
  expect((await post('{"text":""}')).status).toBe(201);
  const other = () => gateway.post("/requests", '{"payload":1,"processor":"late"}');
  expect((await other()).status).toBe(422);
  gateway.requests.processors.announce({ name: "late", kind: "remote", timeout_seconds: 1 });
  expect((await other()).status).toBe(201);
});

test("a schema that cannot be applied refuses no payload, and the log warns of it", async () => {
  const { gateway, post } = withProcessor({ $ref: "https://schemas.example/a.json" });
  expect((await post('"secret-31337"')).status).toBe(201);
  expect(gateway.counters.read()).toMatchObject({ payloads_unchecked: 1 });
  const line = gateway.lines.find((one) => one.includes("accepted unchecked"));
  expect(line).toContain('"processor":"count"');
  expect(line).not.toContain("31337");
});
