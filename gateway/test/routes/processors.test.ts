import { describe, expect, test } from "bun:test";
import { named, testGateway } from "../support/gateway.ts";

const input_json = '{"type":"object","maximum":1e400}';
const announcement = {
  name: "word-count",
  kind: "module" as const,
  version: "abc",
  input_json,
  timeout_seconds: 30,
  retry: { tries: 3, first_seconds: 1, max_seconds: 60 },
};

function withProcessor() {
  const gateway = testGateway();
  const worker_id = Bun.randomUUIDv7();
  const { processors } = gateway.requests;
  processors.work.registerWorker({ worker_id, name: "host:1", processors: [announcement] });
  return { gateway, worker_id, worker: processors.workers.get(worker_id) as { isGone: boolean } };
}

test("a processor is shown with its schema, limits and the workers that serve it", async () => {
  const { gateway, worker_id, worker } = withProcessor();
  const answer = await gateway.get("/processors/word-count");
  expect(answer.text).toContain(`"input":${input_json}`);
  expect(answer.json).toMatchObject({
    name: "word-count",
    kind: "module",
    version: "abc",
    timeout_seconds: 30,
    retry: announcement.retry,
    announced_at: "2023-11-14 22:13:20.000000",
    workers: [{ id: worker_id, name: "host:1", seen_at: "2023-11-14 22:13:20.000000" }],
  });
  worker.isGone = true;
  expect((await gateway.get("/processors/word-count")).json.workers).toEqual([]);
});

test("all processors are listed; the simulation needs no announcement", async () => {
  const { gateway } = withProcessor();
  const { json } = await gateway.get("/processors");
  expect(json.processors).toMatchObject([{ name: "simulate", kind: "simulation" }, { name: "word-count" }]);
  expect((json.processors as object[])[0]).not.toHaveProperty("announced_at");
});

test("a processor can be withdrawn once no live worker serves it", async () => {
  const { gateway, worker } = withProcessor();
  const withdraw = (name: string) => gateway.ask("DELETE", `/processors/${name}`);
  expect(named(await withdraw("word-count"))).toEqual([409, "processor-served"]);
  expect(named(await withdraw("simulate"))).toEqual([409, "processor-served"]);
  worker.isGone = true;
  const answer = await withdraw("word-count");
  expect([answer.status, answer.text]).toEqual([204, ""]);
  expect(named(await withdraw("word-count"))).toEqual([404, "processor-not-found"]);
  expect(named(await gateway.get("/processors/word-count"))).toEqual([404, "processor-not-found"]);
});

describe.each(["GET", "DELETE"])("%s", (method) => {
  test("a name that cannot be one is unknown, without a call", async () => {
    const gateway = testGateway();
    for (const name of ["..%2f..%2fetc%2fpasswd", "%00", "Upper", "sate:webhook", "x".repeat(9_000)]) {
      expect(named(await gateway.ask(method, `/processors/${name}`))).toEqual([404, "processor-not-found"]);
    }
    expect(gateway.requests.calls).toEqual({});
  });
});
