import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import { connect, type Socket } from "node:net";
import { until } from "@sate/contracts/test/until.ts";
import { testGateway } from "../support/gateway.ts";
import { listen } from "../support/listen.ts";
import { rawly } from "../support/raw-http.ts";

/** Bytes behind a request: nothing takes effect whose response Bun drops. README, "HTTP limits of Bun", says what remains. */
const gateway = testGateway();
const { requests, control } = gateway.requests;
let port: number;
let known: string;
beforeAll(() => {
  port = listen(gateway);
});
beforeEach(async () => {
  control.before = () => {};
  requests.clear();
  known = await gateway.stored();
});
afterAll(async () => {
  await gateway.app.server?.stop(true);
});

const body = '{"payload":1}';
const post = (rest: string, path = "/requests") =>
  `POST ${path} HTTP/1.1\r\nHost: gateway.example\r\nContent-Type: application/json\r\n${rest}`;
const create = post(`Content-Length: ${body.length}\r\n\r\n${body}`);
const ask = "GET /live HTTP/1.1\r\nHost: gateway.example\r\nConnection: close\r\n\r\n";
const chunk = `${body.length.toString(16)}\r\n${body}\r\n`;
const inChunks = (chunks: string, headers = "") =>
  post(`${headers}Transfer-Encoding: chunked\r\n\r\n${chunks}`);
const execute = (rest: string) => post(rest, `/requests/${known}/executions`);

/** Whatever was sent before would have been stored before this. */
async function expectNothingStored(): Promise<void> {
  await gateway.stored();
  expect(requests.size).toBe(2);
  expect((await gateway.post(`/requests/${known}/executions`)).status).toBe(201);
}

const trailers = "0\r\nX-Sum: abc\r\n\r\n";
const dropped: [name: string, bytes: () => string, answer: string][] = [
  ["trailers", () => inChunks(chunk + trailers), "HTTP/1.1 400"],
  ["trailers of no body", () => execute(`Transfer-Encoding: chunked\r\n\r\n${trailers}`), "HTTP/1.1 400"],
  ["an empty line", () => `${create}\r\n`, "HTTP/1.1 400"],
  ["an empty line behind no body", () => `${execute("\r\n")}\r\n`, "HTTP/1.1 400"],
  ["what is not HTTP", () => `${create}{}\r\n\r\n`, "HTTP/1.1 400"],
  ["another POST", () => create + create, ""],
  ["another POST, both without a body", () => execute("\r\n") + execute("\r\n"), ""],
  ["a GET", () => create + ask, ""],
];
for (const [name, bytes, answer] of dropped) {
  test(`a POST whose response Bun drops has no effect: followed by ${name} in one segment`, async () => {
    const { text } = await rawly(port, [bytes()]);
    expect(text.slice(0, 12)).toBe(answer);
    await expectNothingStored();
  });
}

test("announced trailers are refused, whether sent together or later", async () => {
  const start = inChunks(`${chunk}0\r\n`, "Trailer: X-Sum\r\n");
  const rest = "X-Sum: abc\r\n\r\n";
  for (const pieces of [[start + rest], [start, rest]]) {
    const answer = await rawly(port, pieces);
    expect(answer.status).toBe(415);
    expect(answer.text).toContain("urn:sate:problem:unsupported-content-encoding");
  }
  await expectNothingStored();
});

test("pipelined requests after a refused one are served in order", async () => {
  const bad = post("Content-Length: 1\r\n\r\n{");
  const { text } = await rawly(port, [bad + bad + create]);
  expect(text.match(/HTTP\/1\.1 \d+/g)).toEqual(["HTTP/1.1 400", "HTTP/1.1 400", "HTTP/1.1 201"]);
  expect(requests.size).toBe(2);
});

const lost: [name: string, act: (socket: Socket) => void][] = [
  ["sends another request", (socket) => socket.write(create)],
  ["half-closes", (socket) => socket.end()],
];
for (const [name, act] of lost) {
  test(`as the README says, a client that ${name} while its POST is processed gets no response`, async () => {
    const gate = Promise.withResolvers<void>();
    let isProcessed = false;
    control.before = () => {
      isProcessed = true;
      return gate.promise;
    };
    let received = "";
    const closed = Promise.withResolvers<void>();
    const socket = connect(port, "127.0.0.1");
    socket.on("data", (data) => {
      received += data;
    });
    socket.on("close", () => closed.resolve());
    socket.write(create);
    await until("the POST is processed", () => isProcessed);
    act(socket);
    await closed.promise;
    gate.resolve();
    await until("it has taken effect", () => requests.size === 2);
    expect(received).toBe("");
  });
}

test("as the README says, 100 Continue comes before a refusal", async () => {
  const { text } = await rawly(port, [post("Content-Length: 9000000000\r\nExpect: 100-continue\r\n\r\n")]);
  expect(text.match(/HTTP\/1\.1 \d+/g)).toEqual(["HTTP/1.1 100", "HTTP/1.1 413"]);
});
