import { expect, test } from "bun:test";
import { Value } from "@sinclair/typebox/value";
import { Problem, type ProblemName, problem, problems } from "../../src/index.ts";

const names = Object.keys(problems) as ProblemName[];

test("every problem has a plain name, a title of its own and an error status", () => {
  expect(new Set(names.map((name) => problems[name].title)).size).toBe(names.length);
  for (const name of names) {
    expect(name).toMatch(/^[a-z]+(-[a-z]+)*$/);
    expect(problems[name].status).toBeWithin(400, 600);
  }
});

test("every problem is rendered according to RFC 9457, with the original's message", () => {
  for (const name of names) {
    const body = problem(name, "What happened.");
    expect(Value.Check(Problem, body)).toBe(true);
    expect(body).toEqual({
      type: `urn:sate:problem:${name}`,
      title: problems[name].title,
      status: problems[name].status,
      detail: "What happened.",
      message: "What happened.",
    });
  }
});

test("a problem has the extras that the client needs next", () => {
  const extras = { failures: 3, max_failures: 3, results_uri: "/requests/x/results" };
  expect(problem("failures-exhausted", "It has failed.", extras)).toMatchObject(extras);
});
