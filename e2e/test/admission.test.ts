import { expect, test } from "bun:test";
import { sharedSystem } from "../src/system/shared-system.ts";
import { until } from "../src/until.ts";

const { system, client } = await sharedSystem();

const executionsOf = async (requestId: string) =>
  (await client.get(`/requests/${requestId}/executions`)).json.executions;

test("of 50 concurrent submissions for one request one is accepted and 49 are refused with a link to it", async () => {
  const requestId = await client.createRequest({ n: 50 });
  const answers = await Promise.all(Array.from({ length: 50 }, () => client.execute(requestId)));
  const { 201: created = [], 409: refused = [] } = Object.groupBy(answers, ({ status }) => status);
  expect([created.length, refused.length]).toEqual([1, 49]);
  const executionId = created[0]?.json.id as string;
  for (const { json, headers } of refused) {
    expect(headers.get("content-type")).toContain("application/problem+json");
    expect(["urn:sate:problem:execution-active", "urn:sate:problem:already-succeeded"]).toContain(json.type);
    if (json.type.endsWith("active")) {
      expect(json.execution_uri).toEndWith(`/requests/${requestId}/executions/${executionId}`);
    }
    expect(json.message).toBe(json.detail);
  }
  await client.ended(requestId, executionId);
});

test("many requests at once: never two active executions, never one after a success", async () => {
  await Promise.all(
    Array.from({ length: 20 }, async (_, number) => {
      const requestId = await client.createRequest({ number });
      let created = 0;
      for (let turn = 0; turn < 40; turn++) {
        const body = { force_error: turn < 2 };
        const answers = await Promise.all(Array.from({ length: 3 }, () => client.execute(requestId, body)));
        const now = answers.filter(({ status }) => status === 201).length;
        // One that is made to fail may end before the next of these arrives. After a success none is accepted.
        expect(now).toBeLessThanOrEqual(turn < 2 ? 3 : 1);
        created += now;
        expect(answers.every(({ status }) => status === 201 || status === 409)).toBe(true);
        const executions = await executionsOf(requestId);
        const active = executions.filter(({ status }) => status === "queued" || status === "running");
        expect(active.length).toBeLessThanOrEqual(1);
        if (executions.some(({ status }) => status === "succeeded")) break;
      }
      const attempts = (await executionsOf(requestId)).map(({ attempt }) => attempt);
      expect(attempts).toEqual(Array.from({ length: created }, (_, at) => at + 1));
    }),
  );
}, 120_000);

test("of submissions that race the end of an execution exactly one becomes the next", async () => {
  const requestId = await client.createRequest({ moment: true });
  const first = await client.execute(requestId, { force_error: true });
  expect(first.status).toBe(201);
  const accepted = new Set<string>();
  // All repeat their submission, so that some arrive just before the end and some just after it.
  const contenders = Array.from({ length: 20 }, async () => {
    for (;;) {
      const { status, json } = await client.execute(requestId);
      if (status === 201) accepted.add(json.id);
      else expect(status).toBe(409);
      if (json.type === "urn:sate:problem:already-succeeded") return;
    }
  });
  await Promise.all(contenders);
  expect(accepted.size).toBe(1);
  expect((await executionsOf(requestId)).map(({ id, status }) => [id, status])).toEqual([
    [first.json.id, "failed"],
    [[...accepted][0] as string, "succeeded"],
  ]);
}, 60_000);

test("a success is final", async () => {
  const requestId = await client.createRequest("once");
  const { json } = await client.execute(requestId);
  expect(await client.ended(requestId, json.id)).toBe("succeeded");
  const again = await client.execute(requestId);
  expect([again.status, again.json.type]).toEqual([409, "urn:sate:problem:already-succeeded"]);
  expect(again.json.results_uri).toEndWith(`/requests/${requestId}/results`);
  expect((await client.post(`/requests/${requestId}/executions/${json.id}/cancel`)).status).toBe(409);
  expect(await client.status(requestId, json.id)).toBe("succeeded");
});

/** A request with the maximum of failed executions. */
async function exhausted(payload: unknown): Promise<string> {
  const requestId = await client.createRequest(payload);
  for (let attempt = 1; attempt <= 3; attempt++) {
    const { status, json } = await client.execute(requestId, { force_error: true });
    expect(status).toBe(201);
    expect(await client.ended(requestId, json.id)).toBe("failed");
  }
  return requestId;
}

/** Waits for `count` dead letters of refused attempts, which have distinct ids. */
async function lettersOf(requestId: string, count: number) {
  const letters = await until(`${count} dead letters of ${requestId}`, 30_000, async () => {
    const own = (await system.deadLetters()).filter(({ key }) => key?.toString() === requestId);
    return own.length >= count && own;
  });
  expect(new Set(letters.map(({ headers }) => headers["dead-letter-id"])).size).toBe(count);
  return letters;
}

test("after three failures every attempt is refused and is in the dead letter queue", async () => {
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
  for (const { headers, value } of await lettersOf(requestId, 2)) {
    expect(headers.reason).toBe("max_failures");
    // A stored dead letter, which is what standalone has, refers to the payload of its request.
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
  await lettersOf(requestId, counted.length);
}, 60_000);

test("a queued or running execution can be cancelled, and that is its one outcome", async () => {
  // It ends only when it is cancelled.
  const requestId = await client.createRequest({ cancel: true }, "trial-hanging");
  for (const [count, awaited] of ["queued or running", "running"].entries()) {
    const { json } = await client.execute(requestId);
    const isAwaited = async () => awaited.includes(await client.status(requestId, json.id));
    await until(`it is ${awaited}`, 30_000, isAwaited);
    const { status } = await client.post(`/requests/${requestId}/executions/${json.id}/cancel`);
    expect([200, 202]).toContain(status);
    expect(await client.ended(requestId, json.id)).toBe("cancelled");
    expect((await client.results(requestId, count + 1)).slice(count)).toMatchObject([
      { is_success: false, error: { code: "cancelled" }, execution: { id: json.id } },
    ]);
  }
}, 90_000);
