import { afterAll, beforeAll, expect, test } from "bun:test";
import { answerOf, json, named, testGateway } from "../support/gateway.ts";
import { listen } from "../support/listen.ts";
import { type RawAnswer, rawly } from "../support/raw-http.ts";

/**
 * What depends on HTTP's framing, through a server that listens as main.ts has it. Broken framing, forwarded headers and
 * clients that stall are proven on whole systems: e2e/test/framing.test.ts.
 */
const gateway = testGateway({ idleTimeoutSeconds: 20 });
let port: number;
let url: string;
beforeAll(() => {
  port = listen(gateway);
  url = `http://127.0.0.1:${port}`;
});
afterAll(async () => {
  await gateway.app.server?.stop(true);
});

const host = "Host: gateway.example\r\n";
const raw = (text: string): Promise<RawAnswer> => rawly(port, [text]);
const problemIn = (answer: RawAnswer) => answer.body.match(/urn:sate:problem:([a-z-]+)/)?.[1];
const post = async (body: ReadableStream) =>
  answerOf(await fetch(`${url}/requests`, { method: "POST", headers: json, body }));

test("a body in many small chunks is reassembled", async () => {
  const pieces = [...'{"payload":"äö🎉"}'].map((character) => Buffer.from(character));
  const body = new ReadableStream({
    start(controller) {
      for (const piece of pieces) controller.enqueue(piece);
      controller.close();
    },
  });
  const answer = await post(body);
  expect(answer.status).toBe(201);
  expect(answer.text).toContain('"payload":"äö🎉"');
});

test("an empty chunked body needs no content type", async () => {
  const id = await gateway.stored();
  const answer = await raw(
    `POST /requests/${id}/executions HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
  );
  expect(answer.status).toBe(201);
});

test("reading a body without a length stops at the limit with a 413 problem", async () => {
  let sent = 0;
  const body = new ReadableStream({
    pull(controller) {
      if (sent++ === 1_024) controller.close();
      else controller.enqueue(new Uint8Array(64 * 1024).fill(0x20));
    },
  });
  const answer = await post(body);
  expect(named(answer)).toEqual([413, "body-too-large"]);
  expect(answer.headers.get("connection")).toBe("close");
});

test("HEAD responds like GET, without a body", async () => {
  for (const path of ["/", "/requests", "/live", "/swagger/json", "/nothing"]) {
    const [head, get] = await Promise.all(
      ["HEAD", "GET"].map((method) => raw(`${method} ${path} HTTP/1.1\r\n${host}Connection: close\r\n\r\n`)),
    );
    expect([path, head?.status, head?.body]).toEqual([path, get?.status, ""]);
    for (const name of ["content-type", "content-length"]) {
      expect(head?.headers.get(name)).toBe(get?.headers.get(name) as string);
    }
  }
});

test("slow but steady clients are served, a service that hangs is a 503, and idle connections are kept", async () => {
  gateway.requests.control.before = (name) => (name === "listRequests" ? new Promise(() => {}) : undefined);
  const unanswered = fetch(`${url}/requests`);
  const startedAt = performance.now();
  const idle = rawly(port, [`GET /live HTTP/1.1\r\n${host}\r\n`], { deadlineMs: 30_000, ends: false }).then(
    () => performance.now() - startedAt,
  );
  expect(await steadily()).toBe(201);
  // The service did not respond, but the gateway did, before the server would have cut the connection.
  expect((await unanswered).status).toBe(503);
  // Between two requests a connection may be idle for longer.
  const idleMs = await idle;
  expect(idleMs).toBeGreaterThan(19_000);
  expect(idleMs).toBeLessThan(28_000);
}, 60_000);

/** 4 KB a second for longer than the server's idle timeout. */
async function steadily(): Promise<number> {
  const body = new ReadableStream({
    async start(controller) {
      controller.enqueue(Buffer.from('{"payload":1'));
      for (let second = 0; second < 17; second++) {
        await Bun.sleep(1_000);
        controller.enqueue(Buffer.from(" ".repeat(4_096)));
      }
      controller.enqueue(Buffer.from("}"));
      controller.close();
    },
  });
  return (await post(body)).status;
}

test.each([
  ["missing", "GET /requests HTTP/1.0\r\n\r\n"],
  ["empty", "GET /requests HTTP/1.1\r\nHost: \r\n\r\n"],
  ["repeated", `GET /requests HTTP/1.1\r\n${host}${host}\r\n`],
  ["long, with a path", "GET /requests HTTP/1.1\r\nHost: gateway.example/b?c#d\r\n\r\n"],
  ["with a user", "GET /requests HTTP/1.1\r\nHost: user@gateway.example\r\n\r\n"],
  // Without a host before it, the router would take only what stands after eleven characters for the address.
  ["empty, before another address", "GET /0123456789/requests HTTP/1.1\r\nHost: \r\n\r\n"],
])("an invalid Host is refused on every path: %s", async (_, text) => {
  const calls = { ...gateway.requests.calls };
  const answer = await raw(text);
  expect([answer.status, problemIn(answer)]).toEqual([400, "malformed-host"]);
  expect(gateway.requests.calls).toEqual(calls);
});

test("a short Host does not change the path", async () => {
  const short = testGateway({ allowedHosts: "any" });
  const shortPort = listen(short);
  const body = '{"payload":1}';
  const ask = async (method: string, target: string, name: string) => {
    const head = `${method} ${target} HTTP/1.1\r\nHost: ${name}\r\nConnection: close\r\n`;
    const sent = `${head}Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
    return (await rawly(shortPort, [sent])).status;
  };
  try {
    for (const name of ["a", "ab", "a_b", "api", "api:80", "x:1", "[::1]", "127.0.0.1:5003"]) {
      for (const [target, status] of [
        ["/requests", 201],
        ["/nowhere/requests", 404],
        ["/live/requests", 404],
        ["/requests/nowhere/requests", 404],
        ["/live?/requests", 405],
        ["/live#/requests", 405],
      ] as const) {
        expect([name, target, await ask("POST", target, name)]).toEqual([name, target, status]);
      }
    }
    expect(short.requests.requests.size).toBe(8);
  } finally {
    await short.app.server?.stop(true);
  }
});
