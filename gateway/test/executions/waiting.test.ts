import { describe, expect, test } from "bun:test";
import { formatTimestamp, limits } from "@sate/contracts";
import { named, testGateway } from "../support/gateway.ts";

const start = async (body: object) => {
  const gateway = testGateway();
  const id = await gateway.stored();
  const answer = await gateway.post(`/requests/${id}/executions`, JSON.stringify(body));
  return { gateway, id, answer };
};

/** A day from now, with a quarter of a second. */
const startAt = Math.floor(Date.now() / 1_000) * 1_000 + 86_400_250;
const inParis = `${new Date(startAt + 3_600_000).toISOString().slice(0, -1)}+01:00`;

test("a start, an expiry and a deadline of its own are passed on, instants in ms", async () => {
  const { gateway, id, answer } = await start({
    timeout_seconds: 0.5,
    start_after: inParis,
    expires_in_seconds: 2 * 86_400,
  });
  expect(answer.status).toBe(201);
  expect(gateway.requests.last(id)).toMatchObject({ start_after: startAt });
  const state = await gateway.get(`/requests/${id}/executions/${answer.json.id}`);
  const { expires_at = 0 } = gateway.requests.last(id);
  expect(state.json).toMatchObject({
    processor: "simulate",
    tries: 0,
    start_after: formatTimestamp(startAt),
    expires_at: formatTimestamp(expires_at),
    log_uri: `/requests/${id}/executions/${answer.json.id}/log`,
  });
  expect(state.json.deadline_at).toBeUndefined();
});

test("a running execution shows its deadline and its progress", async () => {
  const { gateway, id, answer } = await start({});
  const progress = { fraction: 0.5, message: "half" };
  gateway.requests.become(id, "running", { epoch: 2, tries: 1, deadline_at: 1_700_000_000_001, progress });
  const { json } = await gateway.get(`/requests/${id}/executions/${answer.json.id}`);
  expect(json).toMatchObject({ tries: 1, deadline_at: "2023-11-14 22:13:20.001000", progress });
});

const yearAhead = limits.startAheadSecondsMax;
const refused: [body: object, field: string, says: string][] = [
  [{ timeout_seconds: 0 }, "timeout_seconds", `above 0 and at most ${limits.timeoutSecondsMax}`],
  [{ timeout_seconds: -1 }, "timeout_seconds", "above 0"],
  [{ timeout_seconds: "5" }, "timeout_seconds", "a number"],
  [{ timeout_seconds: limits.timeoutSecondsMax + 1 }, "timeout_seconds", "at most"],
  [{ timeout_seconds: 301 }, "timeout_seconds", "exceeds the processor's maximum of 300 seconds"],
  [{ expires_in_seconds: 0 }, "expires_in_seconds", `at most ${yearAhead}`],
  [{ expires_in_seconds: yearAhead + 1 }, "expires_in_seconds", "at most"],
  [{ start_after: 1_700_000_000 }, "start_after", "a string"],
  [{ start_after: "tomorrow" }, "start_after", "such as 2030-01-31T09:00:00Z"],
  [{ start_after: "2030-01-31T09:00:00" }, "start_after", "such as 2030-01-31T09:00:00Z"],
  [{ start_after: "2030-13-01T00:00:00Z" }, "start_after", "not a valid date and time"],
  [{ start_after: "9999-01-01T00:00:00Z" }, "start_after", "366 days in the future"],
  [
    { start_after: inParis, expires_in_seconds: 1 },
    "expires_in_seconds",
    "would expire before its `start_after`",
  ],
];
describe.each(refused)("%j", (body, field, says) => {
  test("is refused with the field and what it may be, and nothing is stored", async () => {
    const { gateway, answer } = await start(body);
    expect([...named(answer), answer.json.field]).toEqual([422, "invalid-body", field]);
    expect(answer.json.detail).toContain(says);
    expect(gateway.requests.countExecutions()).toBe(0);
  });
});

test("an execution of a processor that has been withdrawn is refused with at most 100 of the known names", async () => {
  const gateway = testGateway();
  gateway.requests.processors.announce({ name: "gone", kind: "remote", timeout_seconds: 1 });
  const id = (await gateway.post("/requests", '{"payload":1,"processor":"gone"}')).json.id;
  expect((await gateway.ask("DELETE", "/processors/gone")).status).toBe(204);
  for (let index = 0; index < 150; index++) {
    gateway.requests.processors.announce({ name: `p${index}`, kind: "module", timeout_seconds: 1 });
  }
  const answer = await gateway.post(`/requests/${id}/executions`);
  expect(named(answer)).toEqual([422, "unknown-processor"]);
  expect(answer.json.processors).toHaveLength(100);
  expect(gateway.requests.countExecutions()).toBe(0);
});
