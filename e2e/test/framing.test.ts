import { beforeAll, describe, expect, test } from "bun:test";
import { connect, type Socket } from "node:net";
import { canary } from "../src/clients/hostile-rows.ts";
import { type RawAnswer, rawly, requestBytes } from "../src/clients/raw-http.ts";
import { sharedSystem } from "../src/system/shared-system.ts";
import { until } from "../src/until.ts";

/**
 * What breaks HTTP itself, and clients that are slow. The server below the routes answers with a status and
 * closes, or cuts: that is what HOSTILE calls (c). Nothing is stored, and the next client is served.
 */
const { system, client } = await sharedSystem();
const { url } = system;
let known: string;
beforeAll(async () => {
  known = await client.createRequest({ known: true });
});

const host = "Host: sate.example\r\n";
const posting = `POST /requests HTTP/1.1\r\n${host}Content-Type: application/json\r\n`;
const getting = `GET /live HTTP/1.1\r\n${host}`;
const body = `{"payload":"${canary}"}`;
const chunk = `${body.length.toString(16)}\r\n${body}\r\n`;
const inChunks = (chunks: string) => `${posting}Transfer-Encoding: chunked\r\n\r\n${chunks}`;

const broken: Record<string, [name: string, text: string][]> = {
  400: [
    [
      "a length and chunks",
      `${posting}Content-Length: ${body.length}\r\nTransfer-Encoding: chunked\r\n\r\n${body}`,
    ],
    [
      "chunks and a length",
      `${posting}Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n${chunk}0\r\n\r\n`,
    ],
    [
      "a second request behind a length and chunks",
      `${posting}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${posting}Content-Length: ${body.length}\r\n\r\n${body}`,
    ],
    ["two lengths", `${posting}Content-Length: ${body.length}\r\nContent-Length: 5\r\n\r\n${body}`],
    ["a list of lengths", `${posting}Content-Length: ${body.length}, 5\r\n\r\n${body}`],
    ...["-1", "+5", "0x5", "5 5", "", "99999999999999999999999"].map((length): [string, string] => [
      `the length "${length}"`,
      `${posting}Content-Length: ${length}\r\n\r\n${body}`,
    ]),
    ["two encodings", `${posting}Transfer-Encoding: gzip, chunked\r\n\r\n${chunk}0\r\n\r\n`],
    [
      "the same encoding twice",
      `${posting}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n${chunk}0\r\n\r\n`,
    ],
    ["an encoding that is none", `${posting}Transfer-Encoding: xchunked\r\n\r\n${chunk}0\r\n\r\n`],
    ["a bad last chunk", inChunks(`${chunk}zz\r\n\r\n`)],
    [
      "a chunk that does not end where it should",
      inChunks(`${body.length.toString(16)}\r\n${body}XX0\r\n\r\n`),
    ],
    ["trailers", inChunks(`${chunk}0\r\nX-Sum: ${canary}\r\n\r\n`)],
    ["an empty line behind a body", `${posting}Content-Length: ${body.length}\r\n\r\n${body}\r\n`],
    ["a chunk of negative size", inChunks(`-1\r\n${body}\r\n0\r\n\r\n`)],
    ["a chunk beyond all sizes", inChunks(`ffffffffffffffffff\r\n${body}\r\n0\r\n\r\n`)],
    ["a control character in X-Request-Id", `${getting}X-Request-Id: ${canary}\u0001\r\n\r\n`],
    ["an escape sequence in X-Request-Id", `${getting}X-Request-Id: \u001b[31m${canary}\r\n\r\n`],
    ["a NUL in X-Request-Id", `${getting}X-Request-Id: ${canary}\0\r\n\r\n`],
    ["a header behind a bare line feed", `${getting}X-Request-Id: a\nX-Injected: ${canary}\r\n\r\n`],
    ["a header that goes on in the next line", `${getting}X-A: a\r\n ${canary}\r\n\r\n`],
    ["a space before the colon", `${getting}X-A : ${canary}\r\n\r\n`],
    ["a header without a name", `${getting}: ${canary}\r\n\r\n`],
    ["no Host", "GET /live HTTP/1.1\r\n\r\n"],
    ["an address that is none", `GET ${canary} HTTP/1.1\r\n${host}\r\n`],
    ["no HTTP", `\u0000\u0001${canary}\r\n\r\n`],
  ],
  431: [
    ["64 KB of headers", `${getting}X-A: ${canary.padEnd(65_536, "x")}\r\n\r\n`],
    ["500 headers", `${getting}${`X-A: ${canary}\r\n`.repeat(500)}\r\n`],
    ["an address of 64 KB", `GET /${canary.padEnd(65_536, "x")} HTTP/1.1\r\n${host}\r\n`],
  ],
  505: [
    ["HTTP/2.0", `GET /live HTTP/2.0\r\n${host}\r\n`],
    ["HTTP/0.9", "GET /live\r\n\r\n"],
  ],
};

const isHealthy = async () => (await client.get("/live")).status === 200;

for (const [status, ofStatus] of Object.entries(broken)) {
  describe(`answered with ${status} and closed`, () => {
    for (const [name, text] of ofStatus) {
      test(name, async () => {
        const answer = await rawly(url, text, { untilClosed: true });
        expect([answer.status, answer.isClosed]).toEqual([Number(status), true]);
        expect(answer.text).not.toContain(canary);
        expect(answer.ms).toBeLessThan(2_000);
        expect(await isHealthy()).toBe(true);
        expect((await client.get("/requests?limit=1")).json.requests[0]?.id).toBe(known);
      });
    }
  });
}

test("an unknown method closes the connection and affects no other client", async () => {
  for (const method of ["FOO", "get", "A".repeat(5_000)]) {
    const answer = await rawly(url, requestBytes(method, "/requests"), { untilClosed: true });
    // Bun closes without an answer, below our routes: https://github.com/oven-sh/bun/issues/6556
    expect([answer.isClosed, answer.text]).toEqual([true, ""]);
    expect(await isHealthy()).toBe(true);
  }
});

test("two pipelined requests that create something are dropped without an effect", async () => {
  const create = `${posting}Content-Length: ${body.length}\r\n\r\n${body}`;
  const answer = await rawly(url, create + create, { untilClosed: true });
  // Bun closes without an answer: https://github.com/oven-sh/bun/pull/38128
  expect([answer.isClosed, answer.text]).toEqual([true, ""]);
  expect((await client.get("/requests?limit=1")).json.requests[0]?.id).toBe(known);
});

describe("harmless", () => {
  test("HEAD has the headers of GET and no body", async () => {
    for (const path of [
      "/requests",
      `/requests/${known}`,
      `/requests/${known}/executions`,
      `/requests/${known}/results`,
    ]) {
      const bytes = requestBytes("HEAD", path, { Connection: "close" });
      const head = await rawly(url, bytes, { untilClosed: true, isHead: true });
      expect([path, head.status, head.body]).toEqual([path, 200, ""]);
      const got = await client.get(path);
      expect(head.headers.get("content-length")).toBe(String(Buffer.byteLength(got.text)));
    }
  });

  test("method override headers are ignored", async () => {
    for (const name of ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"]) {
      const answer = await rawly(
        url,
        requestBytes("GET", `/requests/${known}/executions`, { [name]: "POST" }),
      );
      expect([answer.status, JSON.parse(answer.body)]).toEqual([200, { executions: [] }]);
    }
  });

  test("forwarding headers are ignored, and no host is echoed", async () => {
    const headers = {
      Host: `${canary}.example`,
      "X-Forwarded-For": canary,
      "X-Forwarded-Host": canary,
      "X-Forwarded-Proto": canary,
      Forwarded: `host=${canary}`,
      Referer: `http://${canary}`,
    };
    for (const target of [
      "/",
      "/requests?limit=1",
      `/requests/${known}`,
      `http://${canary}/requests?limit=1`,
    ]) {
      const answer = await rawly(url, requestBytes("GET", target, headers));
      expect([target, answer.status]).toEqual([target, 200]);
      expect(answer.text).not.toContain(canary);
    }
  });

  test("an invalid X-Request-Id is replaced", async () => {
    for (const id of [
      canary.padEnd(10_240, "x"),
      `${canary} x`,
      `${canary}\tx`,
      `<${canary}>`,
      `${canary}ü`,
    ]) {
      const answer = await rawly(url, requestBytes("GET", `/requests/${known}`, { "X-Request-Id": id }));
      expect(answer.status).toBe(200);
      expect(answer.headers.get("x-request-id")).toMatch(/^[0-9a-f-]{36}$/);
      expect(answer.text).not.toContain(canary);
    }
  });

  test("pipelined requests are answered one by one", async () => {
    const bad = requestBytes("POST", "/requests", { "Content-Type": "application/json" }, "{nope");
    const good = requestBytes("GET", `/requests/${known}`, { Connection: "close" });
    const answer = await rawly(url, Buffer.concat([bad, good]), { untilClosed: true });
    expect(answer.status).toBe(400);
    expect(answer.body).toContain(`{"id":"${known}"`);
  });
});

/** Bun looks at idle connections every 4 s. A client may be silent for 10 s within a request, and before its first. */
const cutMs = 15_000;
/** How long we wait for what we measure. */
const waitMs = 30_000;

test("slow clients are disconnected while healthy ones are served", async () => {
  const long = `${posting}Content-Length: 40000\r\n\r\n`;
  const terms = { untilClosed: true, deadlineMs: waitMs };
  const drip = { text: "a", everyMs: 500 };
  const slow: Record<string, Promise<RawAnswer>> = {
    "dripping headers": rawly(url, `${getting}X-Slow: `, { ...terms, drip }),
    "a body that stalls after 3 bytes": rawly(url, `${long}{"p`, terms),
    "a dripping body": rawly(url, `${long}{"p`, { ...terms, drip }),
    "chunks that stall": rawly(url, inChunks("5\r\nab"), terms),
    "half of a request line": rawly(url, "GET /li", terms),
  };
  let served = 0;
  let isOver = false;
  const healthy = (async () => {
    for (; !isOver; served++) {
      const id = await client.createRequest({ healthy: served });
      expect((await client.get(`/requests/${id}`)).status).toBe(200);
    }
  })();
  const cuts = await Promise.all(
    Object.entries(slow).map(async ([name, answer]) => ({ name, ...(await answer) })),
  );
  isOver = true;
  await healthy;
  for (const { name, isClosed, ms } of cuts) {
    expect([name, isClosed]).toEqual([name, true]);
    expect(ms).toBeLessThan(cutMs);
  }
  expect(served).toBeGreaterThan(10);
}, 60_000);

/** Files that this process may open, and so may the gateway, which it started; both need some for other things. */
const idleMax = () => {
  const text = Bun.spawnSync(["sh", "-c", "ulimit -n"]).stdout.toString().trim();
  return Math.min(5_000, Math.floor((text === "unlimited" ? 1e6 : Number(text)) / 2) - 100);
};

test("thousands of idle connections block nobody and are closed", async () => {
  const count = idleMax();
  const sockets: Socket[] = [];
  let open = 0;
  let closed = 0;
  let longestMs = 0;
  for (let number = 0; number < count; number++) {
    const socket = connect(Number(new URL(url).port), "127.0.0.1");
    let openAt = 0;
    socket.on("connect", () => {
      open++;
      openAt = performance.now();
    });
    socket.on("close", () => {
      closed++;
      longestMs = Math.max(longestMs, performance.now() - openAt);
    });
    socket.on("error", () => {});
    sockets.push(socket);
    // A few hundred at a time: the queue of connections that nobody has accepted yet is a limit of the machine.
    if (number % 200 === 199) await until("they are open", 30_000, () => open + closed > number);
  }
  expect(open).toBe(count);
  for (let number = 0; number < 20; number++) {
    const id = await client.createRequest({ among: "idle ones" });
    expect((await client.get(`/requests/${id}`)).status).toBe(200);
  }
  await until("all of them are cut", waitMs, () => closed === count);
  expect(longestMs).toBeLessThan(cutMs);
  for (const socket of sockets) socket.destroy();
}, 120_000);
