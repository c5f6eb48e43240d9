import { describe, expect, test } from "bun:test";
import { Unavailable } from "../src/ports.ts";
import { type Answer, named, testGateway } from "./gateway.ts";

/** Errors from inside, as a driver throws them: with secrets wherever an error can have some. */

const canary = "canary-5b21";
const address = `mongodb://user:${canary}@host:27017/requests`;
const id = "01900000-0000-7000-8000-000000000000";

class DriverError extends Error {
  override name = "DriverError";
  readonly address = address;
  readonly code = { text: address };
  readonly status = 418;
  toResponse() {
    return new Response(address);
  }
}

const thrown: [name: string, error: unknown, status: number][] = [
  ["an error", new Error(address), 500],
  ["an error with a cause", new Error(address, { cause: new Error(address) }), 500],
  ["an error of a class of its own, with a status and an answer", new DriverError(address), 500],
  ["a text", address, 500],
  ["an object", { message: address, status: 200, detail: address }, 500],
  ["silence, with a cause", new Unavailable("It did not answer.", { cause: new DriverError(address) }), 503],
];

describe.each(thrown)("%s that is thrown inside", (_, error, status) => {
  const routes = testGateway()
    .app.routes.map(({ method, path }) => ({ method, path }))
    .filter(({ path }) => path.startsWith("/requests"));

  test.each(routes)("$method $path: no answer and no log has it", async ({ method, path }) => {
    const gateway = testGateway();
    gateway.requests.control.before = () => {
      throw error;
    };
    gateway.results.control.before = gateway.requests.control.before as () => void;
    const body = path === "/requests" && method === "POST" ? '{"payload":1}' : undefined;
    const answer: Answer = await gateway.ask(method, path.replaceAll(/:\w+/g, id), body);
    expect(named(answer)).toEqual([status, status === 503 ? "unavailable" : "internal"]);
    expect(answer.headers.get("content-type")).toBe("application/problem+json");
    if (status === 503) expect(answer.headers.get("retry-after")).toMatch(/^[1-9]\d*$/);
    const all = `${answer.text}${JSON.stringify([...answer.headers])}${gateway.lines.join("\n")}`;
    expect(all).not.toContain(canary);
    expect(all).not.toContain("host:27017");
    expect(answer.text).not.toMatch(/\.ts\b|Error\b.*\n/);
  });
});

test("a refused attempt that cannot be stored says as little", async () => {
  const gateway = testGateway({ maxFailures: 1 });
  const request = await gateway.stored();
  await gateway.started(request);
  gateway.requests.become(request, "failed");
  gateway.requests.control.before = (name) => {
    if (name === "recordRefusals") throw new Unavailable("no answer", { cause: new DriverError(address) });
  };
  const answer = await gateway.post(`/requests/${request}/executions`);
  expect(named(answer)).toEqual([503, "unavailable"]);
  expect(`${answer.text}${gateway.lines.join("\n")}`).not.toContain(canary);
  expect(answer.text).not.toMatch(/requests-service|database/i);
});
