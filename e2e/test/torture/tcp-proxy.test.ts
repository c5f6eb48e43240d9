import { afterEach, expect, test } from "bun:test";
import { connect, createServer, type Server } from "node:net";
import { type Mode, type TcpProxy, tcpProxy } from "../../src/torture/tcp-proxy.ts";
import { isWithin } from "../../src/until.ts";

const got: string[] = [];
let server: Server | undefined;
let proxy: TcpProxy | undefined;

afterEach(async () => {
  await proxy?.close();
  server?.close();
  got.length = 0;
});

/** A server behind a proxy. It returns what it receives in capitals. */
async function echo(): Promise<TcpProxy> {
  const opened = createServer((socket) => {
    socket.on("error", () => {});
    socket.on("data", (bytes) => {
      got.push(String(bytes));
      socket.write(String(bytes).toUpperCase());
    });
  });
  server = opened;
  await new Promise<void>((resolve) => opened.listen(0, "127.0.0.1", () => resolve()));
  proxy = await tcpProxy((opened.address() as { port: number }).port);
  return proxy;
}

/** The response within the time, "silence" without one, "cut" if the connection ends before. */
function say(port: number, text: string, ms: number): Promise<string> {
  return new Promise((resolve) => {
    let answer = "";
    const socket = connect(port, "127.0.0.1", () => socket.write(text));
    const end = (what: string) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(what);
    };
    const timer = setTimeout(() => end("silence"), ms);
    socket.on("error", () => end("cut"));
    socket.on("close", () => end("cut"));
    socket.on("data", (bytes) => {
      answer += bytes;
      if (answer.length >= text.length) end(answer);
    });
  });
}

const long = "X".repeat(4_096);
const expected: [
  mode: Mode,
  sent: string,
  answer: string,
  arrives: boolean,
  waitMs?: number,
  leastMs?: number,
][] = [
  ["pass", "hello", "HELLO", true],
  ["reset", "hello", "cut", false],
  ["refuse", "hello", "cut", false],
  ["blackhole", "hello", "silence", false],
  ["one-way", "hello", "silence", true],
  ["sliced", "hello", "HELLO", true],
  ["drop-reply", "hello", "cut", true],
  // Two seconds each way, and 8 KB a second each way.
  ["delay", "hello", "HELLO", true, 6_000, 3_900],
  ["slow", long, long, true, 6_000, 900],
];

test.each(expected)("%s", async (mode, sent, answer, arrives, waitMs = 300, leastMs = 0) => {
  const made = await echo();
  await made.set(mode);
  const started = performance.now();
  expect(await say(made.port, sent, waitMs)).toBe(answer);
  expect(performance.now() - started).toBeGreaterThan(leastMs);
  expect(got.join("")).toBe(arrives ? sent : "");
  await made.set("pass");
  expect(await say(made.port, "again", 5_000)).toBe("AGAIN");
});

test("late: what was sent arrives after the link heals, although its sender has closed the connection", async () => {
  const made = await echo();
  await made.set("late");
  expect(await say(made.port, "hello", 100)).toBe("silence");
  expect(got.join("")).toBe("");
  await made.set("pass");
  expect(await isWithin(2_000, () => got.join("") === "hello")).toBe(true);
  expect(await say(made.port, "again", 1_000)).toBe("AGAIN");
});
