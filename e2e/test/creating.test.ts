import { expect, test } from "bun:test";
import { runsByExecution } from "../src/runs/run-log.ts";
import { sharedSystem } from "../src/system/shared-system.ts";

const { system, client } = await sharedSystem();

const newKey = () => ({ "idempotency-key": crypto.randomUUID() });
const runsOf = (executionId: string) => runsByExecution(system.runLog).get(executionId) ?? [];
const executionsOf = async (requestId: string) =>
  (await client.get(`/requests/${requestId}/executions`)).json.executions.map(({ id }) => id);

test("one call leads from the payload to the result", async () => {
  const body = '{"payload":{"big":12345678901234567890.10},"processor":"pong","execute":true}';
  const { status, text, json, headers } = await client.ask("POST", "/requests", body, { prefer: "wait=30" });
  expect(status).toBe(201);
  expect(text).toContain('"payload":{"big":12345678901234567890.10}');
  expect(headers.get("preference-applied")).toBe("wait=30");
  const { id, execution } = json;
  expect(execution).toMatchObject({ status: "succeeded", result: { is_success: true } });
  // Everybody can read it now.
  const { results } = (await client.get(`/requests/${id}/results`)).json;
  expect(results).toMatchObject([{ id: execution.result?.id, execution: { id: execution.id } }]);
}, 60_000);

test("50 callers with one Idempotency-Key create one request and one execution, and all get the same ids", async () => {
  const headers = newKey();
  const body = { payload: { n: 50 }, processor: "pong", execute: true };
  const answers = await Promise.all(
    Array.from({ length: 50 }, () => client.post("/requests", body, headers)),
  );
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201]));
  const ids = new Set(answers.map(({ json }) => `${json.id} ${json.execution.id}`));
  expect(ids.size).toBe(1);
  const replays = answers.filter((answer) => answer.headers.get("idempotency-replayed") === "true");
  expect(replays).toHaveLength(49);
  const { id, execution } = answers[0]?.json ?? {};
  if (!id || !execution) throw new Error("there is no response");
  expect(await client.ended(id, execution.id)).toBe("succeeded");
  // After the success, too.
  const again = await client.post("/requests", body, headers);
  expect([again.json.id, again.json.execution.status]).toEqual([id, "succeeded"]);
  expect(await executionsOf(id)).toEqual([execution.id]);
  expect(runsOf(execution.id)).toHaveLength(1);
  expect((await client.post("/requests", { ...body, payload: 1 }, headers)).status).toBe(422);
}, 60_000);

test("50 callers with one Idempotency-Key create one execution, and all get it, also after its end", async () => {
  const requestId = await client.createRequest({ executed: 50 }, "pong");
  const headers = newKey();
  const execute = () => client.post(`/requests/${requestId}/executions`, {}, headers);
  const answers = await Promise.all(Array.from({ length: 50 }, execute));
  expect(new Set(answers.map(({ status, json }) => `${status} ${json.id}`)).size).toBe(1);
  const executionId = answers[0]?.json.id ?? "";
  expect(await client.ended(requestId, executionId)).toBe("succeeded");
  const again = await execute();
  expect([again.status, again.json.id]).toEqual([201, executionId]);
  expect((await client.execute(requestId)).json.type).toBe("urn:sate:problem:already-succeeded");
  expect(await executionsOf(requestId)).toEqual([executionId]);
}, 60_000);

test("a batch creates and executes each request on its own, once if it is repeated", async () => {
  const requests = Array.from({ length: 100 }, (_, number) => ({
    ...{ payload: { number }, processor: number % 10 === 9 ? "never-announced" : "pong" },
    execute: number % 2 === 0,
  }));
  const headers = newKey();
  const post = () => client.post("/requests/batch", { requests }, headers);
  const [first, again] = await Promise.all([post(), post()]);
  expect([first.status, again.text]).toEqual([200, first.text]);
  type Item = { id: string; execution_id?: string; problem?: { type: string } };
  const results = first.json.results as unknown as Item[];
  for (const [number, { id, execution_id, problem }] of results.entries()) {
    if (number % 10 === 9) expect(problem?.type).toBe("urn:sate:problem:unknown-processor");
    else expect((await client.get(`/requests/${id}`)).json.payload).toEqual({ number });
    if (number % 2 === 0) expect(await client.ended(id, execution_id ?? "")).toBe("succeeded");
    else if (!problem) expect(execution_id).toBeUndefined();
  }
}, 120_000);
