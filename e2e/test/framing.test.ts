import { beforeAll, describe, expect, test } from "bun:test";
import { canary, getting, inChunks, posting } from "../src/clients/hostile-rows.ts";
import { type RawAnswer, rawly, requestBytes } from "../src/clients/raw-http.ts";
import { sharedSystem } from "../src/system/shared-system.ts";

const { system, client } = await sharedSystem();
const { url } = system;
let known: string;
beforeAll(async () => {
  known = await client.createRequest({ known: true });
}, 60_000);

const isServed = async () => {
  const id = await client.createRequest({ healthy: true });
  return (await client.get(`/requests/${id}`)).status === 200;
};

test("an unknown method closes the connection and affects no other client", async () => {
  for (const method of ["FOO", "get", "A".repeat(5_000)]) {
    const answer = await rawly(url, requestBytes(method, "/requests"), { untilClosed: true });
    // Bun closes without a response, below the routes: https://github.com/oven-sh/bun/issues/6556
    expect([answer.isClosed, answer.text]).toEqual([true, ""]);
    expect((await client.get("/live")).status).toBe(200);
  }
});

describe("harmless headers", () => {
  const forwarding = {
    Host: `${canary}.example`,
    "X-Forwarded-For": canary,
    "X-Forwarded-Host": canary,
    "X-Forwarded-Proto": canary,
    Forwarded: `host=${canary}`,
    Referer: `http://${canary}`,
  };

  test("forwarding headers are ignored, and no host is echoed", async () => {
    for (const target of [
      "/",
      "/requests?limit=1",
      `/requests/${known}`,
      `http://${canary}/requests?limit=1`,
    ]) {
      const answer = await rawly(url, requestBytes("GET", target, forwarding));
      expect([target, answer.status]).toEqual([target, 200]);
      expect(answer.text).not.toContain(canary);
    }
  });

  test.each(["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"])(
    "%s is ignored",
    async (name) => {
      const answer = await rawly(
        url,
        requestBytes("GET", `/requests/${known}/executions`, { [name]: "POST" }),
      );
      expect([answer.status, JSON.parse(answer.body)]).toEqual([200, { executions: [] }]);
    },
  );

  const invalid = [canary.padEnd(10_240, "x"), ...[" x", "\tx", "<x>", "ü"].map((end) => canary + end)];
  test.each(invalid)("an invalid X-Request-Id is replaced: %#", async (id) => {
    const answer = await rawly(url, requestBytes("GET", `/requests/${known}`, { "X-Request-Id": id }));
    expect(answer.status).toBe(200);
    expect(answer.headers.get("x-request-id")).toMatch(/^[0-9a-f-]{36}$/);
    expect(answer.text).not.toContain(canary);
  });
});

/** Bun checks idle connections every 4 s. A client may be silent for 10 s within a request, and before its first. */
const cutMs = 15_000;
/** Waits longer than that for the end of the connection. */
const terms = { untilClosed: true, deadlineMs: 2 * cutMs };

test("slow clients are disconnected while healthy ones are served", async () => {
  const long = `${posting}Content-Length: 40000\r\n\r\n`;
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
    for (; !isOver; served++) expect(await isServed()).toBe(true);
  })();
  for (const [name, answer] of Object.entries(slow)) {
    const { isClosed, ms } = await answer;
    expect([name, isClosed, ms < cutMs]).toEqual([name, true, true]);
  }
  isOver = true;
  await healthy;
  expect(served).toBeGreaterThan(10);
}, 60_000);

/** Half of the files that this process, and so the gateway, may open, since both need some for other things. */
const idleMax = () => {
  const text = Bun.spawnSync(["sh", "-c", "ulimit -n"]).stdout.toString().trim();
  return Math.min(5_000, Math.floor((text === "unlimited" ? 1e6 : Number(text)) / 2) - 100);
};

test("thousands of idle connections do not block other clients, and are closed", async () => {
  const idle: Promise<RawAnswer>[] = [];
  while (idle.length < idleMax()) {
    for (let more = 0; more < 100; more++) idle.push(rawly(url, "", terms));
    // The machine limits the queue of connections that are not accepted yet.
    expect(await isServed()).toBe(true);
  }
  for (const { isClosed, ms } of await Promise.all(idle)) {
    expect(isClosed).toBe(true);
    // One that was refused would end at once.
    expect(ms).toBeGreaterThan(cutMs / 10);
    expect(ms).toBeLessThan(cutMs);
  }
}, 120_000);
