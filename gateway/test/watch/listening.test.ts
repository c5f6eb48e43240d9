import { afterEach, describe, expect, test } from "bun:test";
import { connect } from "node:net";
import { until } from "@sate/contracts/test/until.ts";
import { chromium } from "playwright-core";
import { eventsOf } from "../support/event-stream.ts";
import { listen } from "../support/listen.ts";
import { freePort, nginxPath, startNginx } from "../support/nginx.ts";
import { withExecution } from "../support/watched.ts";

/** What depends on connections, through a server that listens as main.ts has it. */
const endings: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).toReversed()) await end();
});

async function listening(port = 0, publicUrl?: string) {
  const given = await withExecution({
    idleTimeoutSeconds: 15,
    ...(publicUrl !== undefined && { publicUrl }),
  });
  const { gateway } = given;
  const address = `http://127.0.0.1:${listen(gateway, port)}`;
  endings.push(() => gateway.app.server?.stop(true));
  const polls = () => gateway.requests.calls.executionStates ?? 0;
  const none = () => until("nothing is under way", () => gateway.app.server?.pendingRequests === 0, 40_000);
  return { ...given, address, polls, none };
}

test("a wait whose connection is closed ends at once", async () => {
  const { address, path, polls, none } = await listening();
  const client = new AbortController();
  const asked = fetch(`${address}${path}`, { headers: { prefer: "wait=60" }, signal: client.signal });
  asked.catch(() => {});
  await until("it is polled", () => polls() > 0);
  client.abort();
  await none();
});

test("waits and streams outlast the idle timeout of a connection, because a silent stream sends comments", async () => {
  const { address, path, become, record } = await listening();
  const asked = fetch(`${address}${path}`, { headers: { prefer: "wait=60" } });
  const stream = eventsOf(await fetch(`${address}${path}/events`));
  // One every five seconds. Bun closes idle connections after 15 s, in steps of four.
  const comments = () => stream.others.filter((other) => other === ":");
  await until("six comments", () => comments().length === 6, 45_000);
  become("succeeded");
  record();
  expect(await (await asked).json()).toMatchObject({ status: "succeeded", result: { is_success: true } });
  await stream.ended;
  expect(stream.names()).toEqual(["queued", "succeeded", "result"]);
}, 60_000);

describe("a stream", () => {
  test("whose connection is closed ends at once", async () => {
    const { address, path, none } = await listening();
    const client = new AbortController();
    const stream = eventsOf(await fetch(`${address}${path}/events`, { signal: client.signal }));
    stream.ended.catch(() => {});
    await until("the present state", () => stream.names().length === 1);
    client.abort();
    await none();
  });

  test("whose client stops reading reads no further log, and is disconnected", async () => {
    const { gateway, address, path, become, write, none } = await listening();
    become("running", { epoch: 1 });
    // The connection holds some megabytes.
    const large = "x".repeat(60_000);
    write(1, ...Array.from({ length: 1_000 }, () => large));
    const { port, hostname } = new URL(address);
    const socket = connect(Number(port), hostname);
    endings.push(() => socket.destroy());
    socket.on("error", () => {});
    socket.pause();
    socket.write(`GET ${path}/events HTTP/1.1\r\nHost: ${hostname}\r\n\r\n`);
    await until("it is connected", () => gateway.app.server?.pendingRequests === 1);
    await none();
    // Three chunks each.
    expect(gateway.requests.calls.followLogs).toBeLessThan(200);
  }, 60_000);

  test("ends when a stop begins, and the server stops at once", async () => {
    const { gateway, address, path } = await listening();
    const stream = eventsOf(await fetch(`${address}${path}/events`));
    await until("the present state", () => stream.names().length === 1);
    gateway.endWaits();
    await gateway.app.server?.stop();
    await stream.ended;
  });
});

test.skipIf(!nginxPath)(
  "behind nginx events arrive as they happen, and a client that leaves ends its stream",
  async () => {
    const upstream = await freePort();
    const nginx = await startNginx(upstream);
    endings.push(nginx.stop);
    const { path, become, none } = await listening(upstream, `${nginx.origin}/sate`);
    const client = new AbortController();
    const { signal } = client;
    const stream = eventsOf(await fetch(`${nginx.origin}/sate${path}/events`, { signal }));
    stream.ended.catch(() => {});
    await until("the present state", () => stream.names().join() === "queued");
    become("running", { epoch: 1 });
    await until("the change", () => stream.names().join() === "queued,running");
    client.abort();
    await none();
  },
  60_000,
);

const executablePath = Bun.which("chromium") ?? Bun.which("chromium-browser") ?? Bun.which("google-chrome");
test.skipIf(!executablePath)(
  "in a browser EventSource continues after the gateway was restarted, and ends after the result",
  async () => {
    const port = await freePort();
    const { gateway, path, address, become, record, write } = await listening(port);
    write(1, "one\n");
    become("running", { epoch: 1 });
    const browser = await chromium.launch({
      executablePath: executablePath as string,
      args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"],
    });
    endings.push(() => browser.close());
    const page = await browser.newPage();
    // Unlike `/`, without a policy for pages of its own.
    await page.goto(`${address}/live`);
    // As text: this runs in the browser, whose globals this project does not have.
    await page.evaluate(`{
    window.seen = [];
    window.source = new EventSource("${path}/events");
    for (const name of ["status", "progress", "log", "result"])
      source.addEventListener(name, ({ data }) => seen.push(name === "status" ? JSON.parse(data).status : name));
  }`);
    const seen = () => page.evaluate<string[]>("seen");
    await until("it is shown", async () => (await seen()).join() === "running,log");
    await gateway.app.server?.stop(true);
    write(1, "two\n");
    listen(gateway, port);
    await until("the rest is shown", async () => (await seen()).join() === "running,log,log", 20_000);
    become("succeeded");
    record();
    // The 204 after the result closes it: 2 is CLOSED.
    await until("it is closed", async () => (await page.evaluate<number>("source.readyState")) === 2, 20_000);
    expect(await seen()).toEqual(["running", "log", "log", "succeeded", "result"]);
  },
  90_000,
);
