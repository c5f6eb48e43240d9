import { expect, test } from "bun:test";
import { named, testGateway } from "../support/gateway.ts";

async function withExecution() {
  const gateway = testGateway();
  const { json } = await gateway.post("/requests", '{"payload":"secret"}');
  const id = json.id as string;
  const execution = (await gateway.post(`/requests/${id}/executions`)).json.id as string;
  return { gateway, id, execution, remove: () => gateway.ask("DELETE", `/requests/${id}`) };
}

test("while an execution is active the removal is refused with a link to it", async () => {
  const { gateway, id, execution, remove } = await withExecution();
  const answer = await remove();
  expect(named(answer)).toEqual([409, "execution-active"]);
  expect(answer.json.execution_uri).toEndWith(`/requests/${id}/executions/${execution}`);
  expect((await gateway.get(`/requests/${id}`)).json.payload).toBe("secret");
});

test("after a removal, the request and everything under it return 410, a repeated removal 204, and an unknown request 404", async () => {
  const { gateway, id, execution, remove } = await withExecution();
  gateway.requests.become(id, "succeeded");
  for (const _ of [1, 2]) {
    const answer = await remove();
    expect([answer.status, answer.text]).toEqual([204, ""]);
  }
  const below = [
    "",
    "/results",
    "/executions",
    ...["", "/results", "/log"].map((path) => `/executions/${execution}${path}`),
  ];
  for (const path of below) {
    expect([path, ...named(await gateway.get(`/requests/${id}${path}`))]).toEqual([
      path,
      410,
      "request-removed",
    ]);
  }
  for (const path of ["/executions", `/executions/${execution}/cancel`]) {
    expect(named(await gateway.post(`/requests/${id}${path}`))).toEqual([410, "request-removed"]);
  }
  expect((await gateway.get("/requests")).json.requests).toEqual([]);
  const unknown = await gateway.ask("DELETE", `/requests/${Bun.randomUUIDv7()}`);
  expect(named(unknown)).toEqual([404, "request-not-found"]);
});

test("a removal that has begun and is not complete is 503, and says so", async () => {
  const { gateway, remove } = await withExecution();
  gateway.requests.api.removeRequest = async () => ({ kind: "removing" });
  const answer = await remove();
  expect(named(answer)).toEqual([503, "unavailable"]);
  expect(answer.json.detail).toStartWith("The removal has begun and will be completed in the background");
  expect(answer.headers.get("retry-after")).toBe("10");
});

test("an attempt after too many failures that races a removal is not refused as if it were recorded", async () => {
  const { gateway, id } = await withExecution();
  gateway.requests.become(id, "failed");
  for (const _ of [2, 3]) {
    await gateway.post(`/requests/${id}/executions`);
    gateway.requests.become(id, "failed");
  }
  gateway.requests.api.recordRefusals = async () => ({ answers: [{ kind: "removed" }] });
  expect(named(await gateway.post(`/requests/${id}/executions`))).toEqual([410, "request-removed"]);
});

test("the result of an execution whose content was removed by its age is 410; the execution says when", async () => {
  const { gateway, id, execution } = await withExecution();
  gateway.requests.become(id, "succeeded", { removed_at: 1_700_000_000_000 });
  const path = `/requests/${id}/executions/${execution}`;
  expect((await gateway.get(path)).json).toMatchObject({
    status: "succeeded",
    removed_at: "2023-11-14 22:13:20.000000",
  });
  expect(named(await gateway.get(`${path}/results`))).toEqual([410, "result-removed"]);
  expect((await gateway.get(`/requests/${id}/results`)).json.results).toEqual([]);
  const waited = await gateway.get(path, { prefer: "wait=60" });
  expect(waited.json.status).toBe("succeeded");
});
