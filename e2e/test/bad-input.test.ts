import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { canary, type Row, rows } from "../src/clients/hostile-rows.ts";
import { type RawAnswer, rawly } from "../src/clients/raw-http.ts";
import { sharedSystem } from "../src/system/shared-system.ts";

/**
 * Invalid requests, as bytes over a socket. Each gets a clear response, quickly, which echoes nothing of the request and
 * reveals nothing internal, and nothing is stored.
 */
const { system, client } = await sharedSystem();
/** A request without executions: the newest of all, as long as nothing else is stored. */
let known: string;
let lettersBefore: number;
beforeAll(async () => {
  lettersBefore = (await system.deadLetters()).length;
  known = await client.createRequest({ known: true });
}, 60_000);

let slowest = { name: "", ms: 0 };
/** The goal is 50 ms. A busy machine may take longer, so the slowest refusal is only reported. */
const quickMs = 2_000;
afterAll(() => console.log(`the slowest refusal took ${slowest.ms.toFixed(0)} ms: ${slowest.name}`));

/** Stacks, paths, and the names and addresses of services, servers and libraries. */
const internal = [
  /node_modules|\bat \S+ \(|\.ts:\d|\/root\/|\/tmp\/|127\.0\.0\.1|\b[A-Z]\w+Error\b/,
  /elysia|mongo|sqlite|kafka|typebox|-service|-listener|service.token|bearer/i,
];

function expectProblem({ body, headers, status }: RawAnswer, { type, field }: Row): void {
  expect(body.match(/urn:sate:problem:([a-z-]+)/)?.[1]).toBe(type as string);
  expect(headers.get("content-type")).toBe("application/problem+json");
  const problem = JSON.parse(body);
  expect(problem).toMatchObject({ status, message: problem.detail, title: expect.any(String) });
  expect(problem.detail.length).toBeGreaterThan(10);
  if (field !== undefined) expect(problem.field).toBe(field);
  if (status === 405) expect(headers.get("allow")).toMatch(/^[A-Z]+(, [A-Z]+)*$/);
  if (status === 415)
    expect(body).toContain(
      type === "unsupported-media-type" ? "Content-Type: application/json" : "Content-Encoding",
    );
}

describe.each(Object.entries(rows))("refused: %s", (_, ofKind) => {
  test.each(ofKind.map((row) => [row.name, row] as const))("%s", async (name, row) => {
    const answer = await rawly(system.url, row.bytes(known), { untilClosed: row.type === undefined });
    expect(answer.status).toBe(row.status);
    if (row.type === undefined) expect(answer.isClosed).toBe(true);
    else expectProblem(answer, row);
    expect(answer.text).not.toContain(canary);
    // A plain name of a parameter or field may be echoed, and nothing else.
    for (const form of internal) expect(answer.text).not.toMatch(form);
    expect(answer.ms).toBeLessThan(quickMs);
    if (answer.ms > slowest.ms) slowest = { name, ms: answer.ms };
    expect((await client.get("/requests?limit=1")).json.requests[0]?.id).toBe(known);
    expect((await client.get(`/requests/${known}/executions`)).json.executions).toEqual([]);
  });
});

test("nothing was published, and no prototype was polluted", async () => {
  expect((await system.deadLetters()).length).toBe(lettersBefore);
  expect(({} as { admin?: unknown }).admin).toBeUndefined();
}, 60_000);
