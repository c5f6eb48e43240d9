import { expect, test } from "bun:test";
import { topics } from "@sate/contracts";
import { sharedSystem } from "../src/system/shared-system.ts";
import { until } from "../src/until.ts";

const { system, client } = await sharedSystem();

const ended = (requestId: string, executionId: string) =>
  until("the execution has ended", 30_000, async () => {
    const status = await client.status(requestId, executionId);
    return status !== "queued" && status !== "running" && status;
  });

test("of 50 concurrent submissions for one request one is accepted and 49 are refused with a link to it", async () => {
  const requestId = await client.createRequest({ n: 50 });
  const answers = await Promise.all(Array.from({ length: 50 }, () => client.execute(requestId)));
  const created = answers.filter(({ status }) => status === 201);
  expect(created).toHaveLength(1);
  const refused = answers.filter(({ status }) => status === 409);
  expect(refused).toHaveLength(49);
  const executionId = created[0]?.json.id as string;
  for (const { json, headers } of refused) {
    expect(headers.get("content-type")).toContain("application/problem+json");
    expect(["urn:sate:problem:execution-active", "urn:sate:problem:already-succeeded"]).toContain(json.type);
    if (json.type.endsWith("active")) {
      expect(json.execution_uri).toEndWith(`/requests/${requestId}/executions/${executionId}`);
    }
    expect(json.message).toBe(json.detail);
  }
  await ended(requestId, executionId);
});

test("many requests at once: never two active executions, never one after a success", async () => {
  await Promise.all(
    Array.from({ length: 20 }, async (_, number) => {
      const requestId = await client.createRequest({ number });
      let created = 0;
      for (let turn = 0; turn < 40; turn++) {
        const answers = await Promise.all(
          Array.from({ length: 3 }, () => client.execute(requestId, { force_error: turn < 2 })),
        );
        const now = answers.filter(({ status }) => status === 201).length;
        // One that is made to fail may have ended before the next of these arrives; after a success none follows.
        expect(now).toBeLessThanOrEqual(turn < 2 ? 3 : 1);
        created += now;
        expect(answers.every(({ status }) => status === 201 || status === 409)).toBe(true);
        const { executions } = (await client.get(`/requests/${requestId}/executions`)).json;
        const active = executions.filter(({ status }) => status === "queued" || status === "running");
        expect(active.length).toBeLessThanOrEqual(1);
        if (executions.some(({ status }) => status === "succeeded")) break;
      }
      const { executions } = (await client.get(`/requests/${requestId}/executions`)).json;
      expect(executions).toHaveLength(created);
      expect(executions.map(({ attempt }) => attempt)).toEqual(executions.map((_, at) => at + 1));
    }),
  );
}, 120_000);

test("of submissions that race the end of an execution exactly one becomes the next", async () => {
  const requestId = await client.createRequest({ moment: true });
  const first = await client.execute(requestId, { force_error: true });
  expect(first.status).toBe(201);
  const ends = new Set<string>();
  // Each asks again and again, so that some ask just before the end and some just after it.
  const contenders = Array.from({ length: 20 }, async () => {
    for (;;) {
      const { status, json } = await client.execute(requestId);
      if (status === 201) ends.add(json.id);
      else expect(status).toBe(409);
      if (json.type === "urn:sate:problem:already-succeeded") return;
    }
  });
  await Promise.all(contenders);
  const { executions } = (await client.get(`/requests/${requestId}/executions`)).json;
  expect(executions.map(({ id, status }) => [id, status])).toEqual([
    [first.json.id, "failed"],
    [[...ends][0] as string, "succeeded"],
  ]);
  expect(ends.size).toBe(1);
}, 60_000);

test("a success is final", async () => {
  const requestId = await client.createRequest("once");
  const { json } = await client.execute(requestId);
  expect(await ended(requestId, json.id)).toBe("succeeded");
  const again = await client.execute(requestId);
  expect(again.status).toBe(409);
  expect(again.json.type).toBe("urn:sate:problem:already-succeeded");
  expect(again.json.results_uri).toEndWith(`/requests/${requestId}/results`);
});

/** Fails a request as often as may be. */
async function exhausted(payload: unknown): Promise<string> {
  const requestId = await client.createRequest(payload);
  for (let attempt = 1; attempt <= 3; attempt++) {
    const { status, json } = await client.execute(requestId, { force_error: true });
    expect(status).toBe(201);
    expect(await ended(requestId, json.id)).toBe("failed");
  }
  return requestId;
}

/** Dead letters of refused attempts, as soon as there are so many. */
const lettersOf = (requestId: string, count: number) =>
  until(`${count} dead letters of ${requestId}`, 30_000, async () => {
    const all = await system.topics().read(topics.deadLetters);
    const letters = all.filter(({ key }) => key?.toString() === requestId);
    return letters.length >= count && letters;
  });

test("after three failures every attempt is refused and stands in the dead letter queue", async () => {
  const requestId = await exhausted({ fails: true });
  for (let attempt = 0; attempt < 2; attempt++) {
    const refused = await client.execute(requestId);
    expect(refused.status).toBe(409);
    expect(refused.json).toMatchObject({
      type: "urn:sate:problem:failures-exhausted",
      failures: 3,
      max_failures: 3,
      results_uri: expect.stringContaining(`/requests/${requestId}/results`),
    });
  }
  const letters = await lettersOf(requestId, 2);
  expect(new Set(letters.map(({ headers }) => headers["dead-letter-id"])).size).toBe(2);
  for (const { headers, value } of letters) {
    expect(headers.reason).toBe("max_failures");
    // Stored, as standalone has it, a dead letter is without the payload, which is stored with its request.
    const payload = system.kind === "cluster" ? { fails: true } : undefined;
    expect(JSON.parse(String(value)).processing_request).toEqual({ id: requestId, payload });
  }
}, 60_000);

test("of many refused attempts at one request 100 count, and one a second; the others are told to wait", async () => {
  const requestId = await exhausted("often");
  const start = performance.now();
  const answers = await Promise.all(Array.from({ length: 150 }, () => client.execute(requestId)));
  const seconds = (performance.now() - start) / 1_000;
  const { 409: counted = [], 429: tooMany = [] } = Object.groupBy(answers, ({ status }) => status);
  expect(counted.length + tooMany.length).toBe(150);
  expect(counted.length).toBeGreaterThanOrEqual(100);
  expect(counted.length).toBeLessThanOrEqual(101 + Math.ceil(seconds));
  for (const { json, headers } of tooMany) {
    expect(json.type).toBe("urn:sate:problem:too-many-attempts");
    expect(headers.get("retry-after")).toMatch(/^[1-9]\d*$/);
  }
  const ids = (await lettersOf(requestId, counted.length)).map(({ headers }) => headers["dead-letter-id"]);
  expect(new Set(ids).size).toBe(counted.length);
}, 60_000);

test("a queued or running execution can be cancelled, and that is its one outcome", async () => {
  // It ends by nothing else.
  const requestId = await client.createRequest({ cancel: true }, "trial-hanging");
  for (const awaited of ["queued or running", "running"]) {
    const { json } = await client.execute(requestId);
    const path = `/requests/${requestId}/executions/${json.id}`;
    await until(`it is ${awaited}`, 30_000, async () =>
      awaited.includes(await client.status(requestId, json.id)),
    );
    expect([200, 202]).toContain((await client.post(`${path}/cancel`)).status);
    expect(await ended(requestId, json.id)).toBe("cancelled");
    const { results } = await until("it has its result", 30_000, async () => {
      const answer = await client.get(`${path}/results`);
      return answer.json.results.length > 0 && answer.json;
    });
    expect(results).toMatchObject([{ is_success: false, error: { code: "cancelled" } }]);
  }
}, 90_000);

test("a succeeded execution cannot be cancelled", async () => {
  const requestId = await client.createRequest("over");
  const { json } = await client.execute(requestId);
  expect(await ended(requestId, json.id)).toBe("succeeded");
  const refused = await client.post(`/requests/${requestId}/executions/${json.id}/cancel`);
  expect(refused.status).toBe(409);
  expect(await client.status(requestId, json.id)).toBe("succeeded");
});
