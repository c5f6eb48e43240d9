import { expect, test } from "bun:test";
import { sharedSystem } from "../src/system/shared-system.ts";

/** The README of the original, step by step, with exactly its fields. */

const payload = {
  message: "ping",
  parameterA: "valueA",
  parameterB: false,
  parameterC: ["abc", "xyz"],
  parameterD: { d1: 1, d2: 2 },
};
const date = expect.stringMatching(/^\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}\.\d{6}$/);
const id = expect.stringMatching(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);

const { client } = await sharedSystem();

async function create(): Promise<string> {
  const { status, json } = await client.post("/requests", { payload });
  expect(status).toBe(201);
  expect<unknown>(json).toEqual({ id, payload });
  return json.id;
}

test("create a processing request, execute it, read the results", async () => {
  const requestId = await create();
  expect<unknown>((await client.get(`/requests/${requestId}/results`)).json).toEqual({ results: [] });

  const created = await client.execute(requestId, { force_error: false });
  expect(created.status).toBe(201);
  const request = { id: requestId, payload };
  expect<unknown>(created.json).toEqual({
    ...{ id, force_error: false, creation_date: date, processing_request: request },
  });

  const results = await client.results(requestId);
  expect(results).toEqual([
    {
      id,
      is_success: true,
      processing_start_time: date,
      processing_end_time: date,
      processing_total_seconds: expect.any(Number),
      outputs: { message: "pong" },
      // Added to the original's fields.
      ...{ processor: "simulate", tries: 1 },
      execution: created.json,
    },
  ]);
  const ofExecution = await client.get(`/requests/${requestId}/executions/${created.json.id}/results`);
  expect<unknown>(ofExecution.json).toEqual({ results });
  expect(await client.status(requestId, created.json.id)).toBe("succeeded");
}, 60_000);

test("an execution that is forced to fail can be followed by one that succeeds; results are oldest first", async () => {
  const requestId = await create();
  const failing = await client.execute(requestId, { force_error: true });
  expect(failing.status).toBe(201);
  expect(failing.json.force_error).toBe(true);
  await client.results(requestId);

  const succeeding = await client.execute(requestId);
  expect(succeeding.status).toBe(201);
  expect(succeeding.json.force_error).toBe(false);
  const results = await client.results(requestId, 2);
  expect(results.map((result) => [result.is_success, result.outputs, result.execution.id])).toEqual([
    [false, {}, failing.json.id],
    [true, { message: "pong" }, succeeding.json.id],
  ]);
  expect(results[0]?.error).toEqual({ code: "forced_error", message: expect.any(String) });
}, 60_000);

test("what was created can be read again, requests newest first", async () => {
  const requestId = await create();
  const executed = (await client.execute(requestId)).json;
  const request = await client.get(`/requests/${requestId}`);
  expect([request.status, request.json.id, request.json.payload]).toEqual([200, requestId, payload]);
  const { executions } = (await client.get(`/requests/${requestId}/executions`)).json;
  expect(executions).toMatchObject([{ id: executed.id, attempt: 1 }]);
  const newest = (await client.get("/requests?limit=1")).json;
  const next = await client.get(newest.next_uri);
  expect([newest.requests.length, next.status]).toEqual([1, 200]);
  const ids = [newest, next.json].map(({ requests }) => requests[0]?.id);
  expect(ids).toEqual(ids.toSorted().reverse());
});
