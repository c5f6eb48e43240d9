import { afterAll, beforeAll, expect, test } from "bun:test";
import { connect } from "node:net";
import { newKey, readKeys } from "../../src/access/api-keys.ts";
import { json, testGateway } from "../support/gateway.ts";
import { listen } from "../support/listen.ts";
import { freePort, nginxPath, startNginx } from "../support/nginx.ts";
import { rawly } from "../support/raw-http.ts";

/** Refusals that need no body arrive, though the client is still sending one. */
const reader = newKey("reader", ["read"]);
const writer = newKey("writer", ["submit"]);
const { keys: apiKeys } = readKeys(`${reader.entry},${writer.entry}`, "keys");
const gateway = testGateway({ apiKeys, bodyBytesMax: 16 * 1024 });
let port: number;
beforeAll(async () => {
  port = await freePort();
  listen(gateway, port);
});
afterAll(async () => {
  await gateway.app.server?.stop(true);
});

const known = { authorization: `Bearer ${writer.key}` };
const text = { ...known, "content-type": "text/plain" };
const refused: [status: number, path: string, headers: Record<string, string>][] = [
  [401, "/requests", json],
  [403, "/requests", { ...json, authorization: `Bearer ${reader.key}` }],
  [404, "/nowhere", { ...json, ...known }],
  [405, "/live", { ...json, ...known }],
  [413, "/requests", { ...json, ...known }],
  [415, "/requests", text],
];

test.skipIf(!nginxPath)(
  "behind nginx every refusal of a large body arrives as it is",
  async () => {
    const nginx = await startNginx(port);
    try {
      for (const [status, path, headers] of refused) {
        const seen = new Set<number>();
        for (const kib of [32, 128, 500]) {
          const sent = { method: "POST", headers, body: "x".repeat(kib * 1024) };
          for (let count = 0; count < 10; count++) {
            const response = await fetch(`${nginx.origin}/sate${path}`, sent);
            await response.text();
            seen.add(response.status);
          }
        }
        expect([path, ...seen]).toEqual([path, status]);
      }
    } finally {
      await nginx.stop();
    }
  },
  30_000,
);

/** The head of a `POST` whose body is refused for its type. */
const headOf = (framing: string, headers: Record<string, string> = text) =>
  `POST /requests HTTP/1.1\r\nHost: a.example\r\n${Object.entries(headers)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join("")}${framing}\r\n\r\n`;
const asking = "GET /live HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n";
const live = '{"live":true}';

/** Writes everything before it reads anything, as Python's urllib does. Rejects if the connection breaks meanwhile. */
function writeThenRead(bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1");
    let received = "";
    socket.pause();
    socket.on("error", reject);
    socket.on("data", (data) => {
      received += data;
    });
    socket.on("close", () => resolve(received));
    socket.write(bytes, () => socket.resume());
  });
}

test("a client that sends 5 MiB before it reads still receives the refusal", async () => {
  const bytes = 5 * 1024 * 1024;
  const chunk = `${(64 * 1024).toString(16)}\r\n${"x".repeat(64 * 1024)}\r\n`;
  const bodies = [
    [`Content-Length: ${bytes}`, "x".repeat(bytes)],
    ["Transfer-Encoding: chunked", `${chunk.repeat(80)}0\r\n\r\n`],
  ] as const;
  for (const [framing, body] of bodies) {
    for (const [status, headers] of [
      [401, json],
      [413, { ...json, ...known }],
      [415, text],
    ] as const) {
      const received = await writeThenRead(headOf(`Connection: close\r\n${framing}`, headers) + body);
      expect([framing, received.split("\r\n")[0]]).toEqual([framing, expect.stringContaining(` ${status} `)]);
      // Without the wish of the client, the connection is kept for the next request.
      expect(await writeThenRead(headOf(framing, headers) + body + asking)).toEndWith(live);
    }
  }
});

test("a slow body is discarded for at most two seconds", async () => {
  const startedAt = performance.now();
  const cases: [framing: string, start: string, rest: string, isKept: boolean][] = [
    ["Content-Length: 10", "12345", "67890", true],
    ["Transfer-Encoding: chunked", "5\r\n12345\r\n", "0\r\n\r\n", false],
  ];
  await Promise.all(
    cases.map(async ([framing, start, rest, isKept]) => {
      const answer = await rawly(port, [headOf(framing) + start, rest + asking]);
      expect([framing, answer.status]).toEqual([framing, 415]);
      expect(answer.headers.get("connection")).toBe(isKept ? null : "close");
      expect(answer.text.endsWith(live)).toBe(isKept);
    }),
  );
  expect(performance.now() - startedAt).toBeLessThan(4_000);
}, 30_000);

test("at most 8 MiB of a refused body are read, then the connection is closed", async () => {
  const declared = await rawly(port, [headOf("Content-Length: 9000000000")]);
  expect([declared.status, declared.headers.get("connection")]).toEqual([415, "close"]);
  let sent = 0;
  const body = new ReadableStream({
    pull(controller) {
      sent += 64 * 1024;
      if (sent > 1024 * 1024 * 1024) controller.close();
      else controller.enqueue(new Uint8Array(64 * 1024));
    },
  });
  const response = await fetch(`http://127.0.0.1:${port}/requests`, { method: "POST", headers: text, body });
  expect([response.status, response.headers.get("connection")]).toEqual([415, "close"]);
  // What lies between is in the buffers of the connection.
  expect(sent).toBeLessThan(64 * 1024 * 1024);
});
