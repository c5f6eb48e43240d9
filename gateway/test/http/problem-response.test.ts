import { describe, expect, test } from "bun:test";
import { Unavailable } from "@sate/contracts";
import { type Answer, named, testGateway } from "../support/gateway.ts";

/** Errors as a driver throws them, with secrets wherever an error can have some. */

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
  ["an error of an own class, with a status and a response", new DriverError(address), 500],
  ["a text", address, 500],
  ["an object", { message: address, status: 200, detail: address }, 500],
  ["an Unavailable with a cause", new Unavailable("No response.", { cause: new DriverError(address) }), 503],
];

describe.each(thrown)("thrown inside: %s", (_, error, status) => {
  const routes = testGateway()
    .app.routes.map(({ method, path }) => ({ method, path }))
    // A batch has one result for each of its requests: the next test.
    .filter(({ path }) => path.startsWith("/requests") && path !== "/requests/batch");

  test.each(routes)("$method $path: neither response nor log contains it", async ({ method, path }) => {
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
    else expect(answer.json.request_id).toBe(answer.headers.get("x-request-id") as string);
    expect(gateway.lines.join()).toContain(answer.headers.get("x-request-id") as string);
    const all = `${answer.text}${JSON.stringify([...answer.headers])}${gateway.lines.join("\n")}`;
    expect(all).not.toContain(canary);
    expect(all).not.toContain("host:27017");
    expect(answer.text).not.toMatch(/\.ts\b|Error\b.*\n|requests-service/);
  });

  test("each request of a batch has the problem, which does not contain it either", async () => {
    const gateway = testGateway();
    gateway.requests.control.before = () => {
      throw error;
    };
    const answer = await gateway.post("/requests/batch", '{"requests":[{"payload":1},{"payload":2}]}');
    const problem = expect.objectContaining({ status });
    expect([answer.status, answer.json.results]).toEqual([200, [{ problem }, { problem }] as never]);
    expect(answer.text + gateway.lines.join("\n")).not.toContain(canary);
  });
});

test("a 503 says that nothing was done only if that is certain", async () => {
  const gateway = testGateway();
  const id = await gateway.stored();
  const detailAt = async (method: string, path: string, body?: string) =>
    String((await gateway.ask(method, path, body)).json.detail);
  const writes = [["/requests", '{"payload":1}'], [`/requests/${id}/executions`]] as const;
  for (const [reason, expected] of [
    ["not_done", /Nothing was done\. Try again/],
    ["no_response", /not known whether it took effect\. Check/],
    ["unexpected_response", /not known whether it took effect\. Check/],
  ] as const) {
    gateway.requests.control.before = () => {
      throw new Unavailable("The disk is full.", { reason });
    };
    for (const [path, body] of writes) expect(await detailAt("POST", path, body)).toMatch(expected);
    expect(await detailAt("GET", "/requests")).not.toMatch(/done|took effect/);
  }
});
