import { afterAll, beforeAll, expect, test } from "bun:test";
import { limits } from "@sate/contracts";
import { answerOf, json, named, testGateway } from "../support/gateway.ts";
import { listen } from "../support/listen.ts";
import { type RawAnswer, rawly } from "../support/raw-http.ts";

/** What depends on HTTP's framing, through a server that listens as main.ts has it. */
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
const raw = (...pieces: string[]): Promise<RawAnswer> => rawly(port, pieces);
const problemIn = (answer: RawAnswer) => answer.body.match(/urn:sate:problem:([a-z-]+)/)?.[1];

function chunked(size: number, chunkSize: number): ReadableStream<Uint8Array> {
  let sent = 0;
  return new ReadableStream({
    pull(controller) {
      if (sent >= size) return controller.close();
      const chunk = new Uint8Array(Math.min(chunkSize, size - sent)).fill(0x20);
      sent += chunk.length;
      controller.enqueue(chunk);
    },
  });
}

test("a body in many small chunks is reassembled", async () => {
  const pieces = [...'{"payload":"äö🎉"}'].map((character) => Buffer.from(character));
  const body = new ReadableStream({
    start(controller) {
      for (const piece of pieces) controller.enqueue(piece);
      controller.close();
    },
  });
  const answer = await answerOf(await fetch(`${url}/requests`, { method: "POST", headers: json, body }));
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
  const body = chunked(64 * 1024 * 1024, 64 * 1024);
  const answer = await answerOf(await fetch(`${url}/requests`, { method: "POST", headers: json, body }));
  expect(named(answer)).toEqual([413, "body-too-large"]);
  expect(answer.headers.get("connection")).toBe("close");
});

test("a body of the limit is accepted, one byte more is refused", async () => {
  const post = async (length: number) => {
    const body = `{"payload":"${"x".repeat(length - 14)}"}`;
    return answerOf(await fetch(`${url}/requests`, { method: "POST", headers: json, body }));
  };
  expect((await post(limits.bodyBytesDefault)).status).toBe(201);
  expect(named(await post(limits.bodyBytesDefault + 1))).toEqual([413, "body-too-large"]);
});

test("a declared length over the limit is refused before the body arrives", async () => {
  const answer = await raw(
    `POST /requests HTTP/1.1\r\n${host}Content-Type: application/json\r\nContent-Length: 9000000000\r\n\r\n`,
  );
  expect([answer.status, problemIn(answer)]).toEqual([413, "body-too-large"]);
});

test("HEAD responds like GET, without a body", async () => {
  const id = await gateway.stored();
  for (const path of [
    "/",
    "/requests",
    `/requests/${id}`,
    `/requests/${id}/results`,
    "/live",
    "/swagger/json",
  ]) {
    const head = await raw(`HEAD ${path} HTTP/1.1\r\n${host}Connection: close\r\n\r\n`);
    const get = await raw(`GET ${path} HTTP/1.1\r\n${host}Connection: close\r\n\r\n`);
    expect([path, head.status, head.body]).toEqual([path, 200, ""]);
    expect(head.headers.get("content-type")).toBe(get.headers.get("content-type") as string);
    expect(head.headers.get("content-length")).toBe(get.headers.get("content-length") as string);
  }
  const missing = await raw(`HEAD /nothing HTTP/1.1\r\n${host}Connection: close\r\n\r\n`);
  expect([missing.status, missing.body]).toEqual([404, ""]);
});

test("an unsupported method is refused with the supported ones in Allow", async () => {
  for (const method of ["PUT", "TRACE", "OPTIONS"]) {
    const answer = await raw(`${method} /requests HTTP/1.1\r\n${host}Connection: close\r\n\r\n`);
    expect([answer.status, answer.headers.get("allow")]).toEqual([405, "GET, HEAD, POST"]);
    expect(problemIn(answer)).toBe("method-not-allowed");
  }
});

test("the connection stays usable after a refused body", async () => {
  const bad = "{nope";
  const answer = await raw(
    `POST /requests HTTP/1.1\r\n${host}Content-Type: application/json\r\nContent-Length: ${bad.length}\r\n\r\n${bad}`,
    `GET /live HTTP/1.1\r\n${host}Connection: close\r\n\r\n`,
  );
  expect([answer.status, problemIn(answer)]).toEqual([400, "malformed-json"]);
  expect(answer.body).toContain('{"live":true}');
});

test("the host in the request line and forwarded headers are not trusted", async () => {
  const id = await gateway.stored();
  const answer = await raw(
    `GET http://evil.example/requests/${id} HTTP/1.1\r\n${host}X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Host: evil.example\r\nConnection: close\r\n\r\n`,
  );
  expect(answer.status).toBe(200);
  expect(answer.text).not.toContain("evil");
});

const broken: [name: string, text: string, statuses: number[]][] = [
  ["64 KB of headers", `GET /live HTTP/1.1\r\n${host}X: ${"x".repeat(65_536)}\r\n\r\n`, [431]],
  ["500 headers", `GET /live HTTP/1.1\r\n${host}${"X: y\r\n".repeat(500)}\r\n`, [431]],
  [
    "a length and chunks",
    `POST /requests HTTP/1.1\r\n${host}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    [400],
  ],
  [
    "two lengths",
    `POST /requests HTTP/1.1\r\n${host}Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef`,
    [400],
  ],
  [
    "a bad chunk",
    `POST /requests HTTP/1.1\r\n${host}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n{"a\r\nzz\r\n`,
    [400],
  ],
  ["a negative length", `POST /requests HTTP/1.1\r\n${host}Content-Length: -1\r\n\r\n`, [400]],
  ["a control character in a header", `GET /live HTTP/1.1\r\n${host}X-Request-Id: a\u0001b\r\n\r\n`, [400]],
  ["no host", "GET /live HTTP/1.1\r\n\r\n", [400]],
];
for (const [name, text, statuses] of broken) {
  test(`broken framing is refused and the connection closed: ${name}`, async () => {
    const answer = await raw(text);
    expect(statuses).toContain(answer.status);
    expect((await fetch(`${url}/live`)).status).toBe(200);
  });
}

test("stalled clients are disconnected within 15 s; slow but steady ones, and others, are served", async () => {
  gateway.requests.control.before = (name) => (name === "listRequests" ? new Promise(() => {}) : undefined);
  const unanswered = fetch(`${url}/requests`);
  const head = `POST /requests HTTP/1.1\r\n${host}Content-Type: application/json\r\nContent-Length: 40000\r\n\r\n`;
  const startedAt = performance.now();
  const cutAfter = async (piece: string, drips: boolean, ends = true) => {
    await rawly(port, [piece], { dripEveryMs: drips ? 500 : 0, deadlineMs: 30_000, ends });
    return performance.now() - startedAt;
  };
  const steady = steadily();
  const idle = cutAfter(`GET /live HTTP/1.1\r\n${host}\r\n`, false, false);
  const cut = Promise.all([
    cutAfter("GET /live HTTP/1.1\r\nX-Slow: ", true),
    cutAfter(`${head}{"p`, false),
    cutAfter(`${head}{"p`, true),
    cutAfter("", false),
  ]);
  expect((await fetch(`${url}/live`)).status).toBe(200);
  for (const ms of await cut) expect(ms).toBeLessThan(15_000);
  expect(await steady).toBe(201);
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
  return (await fetch(`${url}/requests`, { method: "POST", headers: json, body })).status;
}

const noHosts: [name: string, text: string][] = [
  ["missing", "GET /requests HTTP/1.0\r\n\r\n"],
  ["empty", "GET /requests HTTP/1.1\r\nHost: \r\n\r\n"],
  ["with a space", "GET /requests HTTP/1.1\r\nHost: a b\r\n\r\n"],
  ["a bracket", "GET /requests HTTP/1.1\r\nHost: [\r\n\r\n"],
  ["with a path", "GET /requests HTTP/1.1\r\nHost: a/b?c#d\r\n\r\n"],
  ["a port beyond ports", "GET /requests HTTP/1.1\r\nHost: a:99999\r\n\r\n"],
  ["two of them", "GET /requests HTTP/1.1\r\nHost: gateway.example\r\nHost: gateway.example\r\n\r\n"],
  ["with a path, and long", "GET /requests HTTP/1.1\r\nHost: gateway.example/b?c#d\r\n\r\n"],
  ["with a user", "GET /requests HTTP/1.1\r\nHost: user@gateway.example\r\n\r\n"],
  // Without a host before it, the router would take only what stands after eleven characters for the address.
  ["empty, before another address", "GET /0123456789/requests HTTP/1.1\r\nHost: \r\n\r\n"],
];
for (const [name, text] of noHosts) {
  test(`an invalid Host is refused on every path: ${name}`, async () => {
    const calls = { ...gateway.requests.calls };
    const answer = await raw(text);
    expect([answer.status, problemIn(answer)]).toEqual([400, "malformed-host"]);
    expect(gateway.requests.calls).toEqual(calls);
  });
}

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
      expect([name, await ask("POST", "/requests", name)]).toEqual([name, 201]);
      for (const target of ["/nowhere/requests", "/live/requests", "/requests/nowhere/requests"]) {
        expect([name, target, await ask("POST", target, name)]).toEqual([name, target, 404]);
      }
      for (const target of ["/live?/requests", "/live#/requests"]) {
        expect([name, target, await ask("POST", target, name)]).toEqual([name, target, 405]);
      }
    }
    expect(short.requests.requests.size).toBe(8);
  } finally {
    await short.app.server?.stop(true);
  }
});
