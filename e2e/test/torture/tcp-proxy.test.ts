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

/** A server that answers what it gets, in capitals, behind a proxy. */
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
  proxy = await tcpProxy(0, (opened.address() as { port: number }).port);
  return proxy;
}

/** What comes back within the time; "cut" when the connection ends before. */
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

const expected: [Mode, answer: string, arrives: boolean][] = [
  ["pass", "HELLO", true],
  ["reset", "cut", false],
  ["refuse", "cut", false],
  ["blackhole", "silence", false],
  ["one-way", "silence", true],
  ["sliced", "HELLO", true],
  ["drop-reply", "cut", true],
];

for (const [mode, answer, arrives] of expected) {
  test(`${mode}: ${answer}, and the server ${arrives ? "has" : "has not"} got it`, async () => {
    const made = await echo();
    await made.set(mode);
    expect(await say(made.port, "hello", 300)).toBe(answer);
    expect(got.join("")).toBe(arrives ? "hello" : "");
    await made.set("pass");
    expect(await say(made.port, "again", 1_000)).toBe("AGAIN");
  });
}

test("delay: two seconds each way", async () => {
  const made = await echo();
  await made.set("delay");
  const started = performance.now();
  expect(await say(made.port, "hello", 6_000)).toBe("HELLO");
  expect(performance.now() - started).toBeGreaterThan(3_900);
});

test("slow: 8 KB a second", async () => {
  const made = await echo();
  await made.set("slow");
  const started = performance.now();
  expect((await say(made.port, "x".repeat(4_096), 6_000)).length).toBe(4_096);
  expect(performance.now() - started).toBeGreaterThan(900);
});

test("late: what was sent arrives after the link heals, though its sender has hung up", async () => {
  const made = await echo();
  await made.set("late");
  expect(await say(made.port, "hello", 100)).toBe("silence");
  expect(got.join("")).toBe("");
  await made.set("pass");
  expect(await isWithin(2_000, () => got.join("") === "hello")).toBe(true);
  expect(await say(made.port, "again", 1_000)).toBe("AGAIN");
});
