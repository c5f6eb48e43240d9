import { afterAll, beforeAll, expect, test } from "bun:test";
import { connect, type Socket } from "node:net";
import { testGateway } from "../support/gateway.ts";
import { listen } from "../support/listen.ts";
import { until } from "../support/until.ts";

/** A service that does not respond, and more clients than may wait for it, through a listening server. */
const gateway = testGateway();
const gate = Promise.withResolvers<void>();
let port: number;
beforeAll(() => {
  gateway.requests.control.before = () => gate.promise;
  port = listen(gateway);
});
afterAll(async () => {
  await gateway.app.server?.stop(true);
});

/** As many reads as are under way, and as many as may wait: src/capacity/ingress.ts. */
const roomMax = 64 + 2_000;
const beyond = 500;

test("beyond the queue of reads clients get 503 at once, and those in it are served", async () => {
  const bytes = "GET /requests?limit=1 HTTP/1.1\r\nHost: gateway.example\r\n\r\n";
  const answers: string[] = [];
  const sockets: Socket[] = [];
  const count = (status: number) => answers.filter((text) => text?.startsWith(`HTTP/1.1 ${status}`)).length;
  const rssBefore = process.memoryUsage.rss();
  let open = 0;
  for (let number = 0; number < roomMax + beyond; number++) {
    const socket = connect(port, "127.0.0.1");
    socket.on("connect", () => {
      open++;
      socket.write(bytes);
    });
    socket.on("data", (data) => {
      answers[number] = `${answers[number] ?? ""}${data}`;
    });
    socket.on("error", () => {});
    sockets.push(socket);
    if (number % 200 === 199) await until("they are open", () => open > number);
  }
  await until("those beyond the room are refused", () => count(503) === beyond);
  expect(gateway.requests.calls.listRequests).toBe(64);
  for (const text of answers.filter(Boolean)) {
    expect(text).toContain("urn:sate:problem:overloaded");
    expect(text).toMatch(/^retry-after: \d+\r$/im);
  }
  expect((await fetch(`http://127.0.0.1:${port}/live`)).status).toBe(200);
  expect(process.memoryUsage.rss() - rssBefore).toBeLessThan(300 * 1024 * 1024);

  gate.resolve();
  // Whoever has waited longer than clients do is refused instead; nobody goes without an answer.
  await until("every client has a response", () => count(200) + count(503) === roomMax + beyond);
  expect(count(200)).toBeGreaterThanOrEqual(64);
  for (const socket of sockets) socket.destroy();
}, 60_000);
