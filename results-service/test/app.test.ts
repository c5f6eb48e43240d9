import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { limits, problemContentType, resultsApi } from "@sate/contracts";
import { Value } from "@sinclair/typebox/value";
import { deadLetterOf } from "./dead-letters.ts";
import { attemptsOf, failureOf } from "./results.ts";
import { resultsFile } from "./results-file.ts";
import { serviceOn, serviceToken } from "./service.ts";

const file = resultsFile();
const requestId = Bun.randomUUIDv7();
const results = [...attemptsOf(requestId, [1, 2]), failureOf({ request_id: requestId, attempt: 3 })];
const executionId = results[2]?.execution_id as string;
file.add(results);
const deadLetter = deadLetterOf({ request_id: requestId, attempt: 3, execution_id: executionId });
file.addDeadLetters([deadLetter]);
const entry = {
  ...{ id: deadLetter._id, time: deadLetter.time, partition: 3, offset: "42", reason: "lost" },
  ...{ detail: "It was lost.", request_id: requestId, attempt: 3, execution_id: executionId },
  processor: "word-count",
};

const it = serviceOn(file);
beforeAll(() => it.service.start());
afterAll(async () => {
  await it.service.stop();
  file[Symbol.dispose]();
});
beforeEach(() => {
  it.database.isAway = false;
});

const authorization = `Bearer ${serviceToken}`;
const post = (path: string, body: string, headers: Record<string, string> = { authorization }) =>
  it.service.app.handle(
    new Request(`http://localhost${path}`, {
      method: "POST",
      body,
      headers: { "content-type": "application/json", ...headers },
    }),
  );

async function problemOf(answer: Response) {
  expect(answer.headers.get("content-type")).toBe(problemContentType);
  const { type, status } = (await answer.json()) as { type: string; status: number };
  expect(status).toBe(answer.status);
  return `${status} ${type.slice("urn:sate:problem:".length)}`;
}

/** For every operation: a valid body, the response, and invalid bodies. */
const examples: Record<keyof typeof resultsApi, { body: object; answer: object; wrong: object[] }> = {
  resultsOfRequest: {
    body: { request_id: requestId, limit: 2, after_attempt: 1, of_a_later_version: true },
    answer: { results: results.slice(1), more: false },
    wrong: [
      { limit: 2 },
      { request_id: requestId },
      { request_id: "x", limit: 2 },
      { request_id: requestId.toUpperCase(), limit: 2 },
      { request_id: { $ne: "" }, limit: 2 },
      { request_id: requestId, limit: 0 },
      { request_id: requestId, limit: limits.pageMax + 1 },
      { request_id: requestId, limit: "2" },
      { request_id: requestId, limit: 2, after_attempt: -1 },
      { request_id: requestId, limit: 2, after_attempt: 1.5 },
    ],
  },
  resultsOfExecution: {
    body: { request_id: requestId, execution_id: executionId },
    answer: { results: results.slice(2) },
    wrong: [
      { request_id: requestId },
      { execution_id: executionId },
      { request_id: requestId, execution_id: `${executionId} ` },
      { request_id: requestId, execution_id: null },
      [],
    ],
  },
  resultsRecorded: {
    body: { executions: [3, 4, 1].map((attempt) => ({ request_id: requestId, attempt, more: 1 })) },
    answer: { recorded: [true, false, true] },
    wrong: [
      { executions: {} },
      { executions: [requestId] },
      { executions: [{ request_id: requestId }] },
      { executions: [{ request_id: requestId, attempt: 0 }] },
      { executions: [{ request_id: { $ne: "" }, attempt: 1 }] },
      {
        executions: Array.from({ length: limits.confirmMax + 1 }, () => ({
          request_id: requestId,
          attempt: 1,
        })),
      },
    ],
  },
  listDeadLetters: {
    body: { limit: 1, reason: "lost", before: { time: deadLetter.time + 1, id: "x" }, of_a_later_version: 1 },
    answer: { dead_letters: [entry] },
    wrong: [
      { limit: 0 },
      { limit: limits.bulkMax + 1 },
      { limit: 1, reason: { $ne: "" } },
      { limit: 1, processor: ["x"] },
      { limit: 1, since: -1 },
      { limit: 1, until: 1.5 },
      { limit: 1, before: { time: 1 } },
      { limit: 1, before: { time: 1, id: { $gt: "" } } },
    ],
  },
  getDeadLetter: {
    body: { id: deadLetter._id },
    answer: {
      kind: "found",
      dead_letter: { ...entry, key_base64: btoa("key"), value_base64: "AAH/", headers_json: "{}" },
    },
    wrong: [{ id: { $ne: "" } }, { id: 1 }],
  },
};

// What every internal API does the same way is tested with requests-service, where its code comes from.
for (const [name, { path, response: schema }] of Object.entries(resultsApi)) {
  const { body, answer, wrong } = examples[name as keyof typeof resultsApi];

  describe(`POST ${path}`, () => {
    test("responds as the contract says", async () => {
      const response = await post(path, JSON.stringify(body));
      const got: unknown = await response.json();
      expect([response.status, got]).toEqual([200, answer]);
      expect(Value.Check(schema, got)).toBe(true);
    });

    test("requires the service token before anything else", async () => {
      for (const headers of [{}, { authorization: "Bearer wrong" }, { authorization: serviceToken }]) {
        const response = await post(path, "{", headers as Record<string, string>);
        expect(await problemOf(response)).toBe("401 unauthorized");
      }
    });

    test("refuses bodies of another shape, and does not echo them", async () => {
      for (const one of [...wrong, {}, null, 1, "text"]) {
        const response = await post(path, JSON.stringify(one));
        expect(await problemOf(response.clone() as Response)).toBe("422 invalid-body");
        expect(await response.text()).not.toContain(requestId);
      }
    });

    test("responds 503 while the database is down", async () => {
      it.database.isAway = true;
      expect(await problemOf(await post(path, JSON.stringify(body)))).toBe("503 unavailable");
    });
  });
}
