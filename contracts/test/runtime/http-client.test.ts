import { afterEach, describe, expect, test } from "bun:test";
import { isUnavailable, limits, requestsApi, Unavailable } from "../../src/index.ts";
import { httpClient } from "../../src/runtime/http-client.ts";
import { createCounters } from "../../src/runtime/metrics.ts";
import { until } from "../until.ts";

const servers: ReturnType<typeof Bun.serve>[] = [];
const sockets: { stop(closeConnections?: boolean): void }[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.stop(true)));
  for (const socket of sockets.splice(0)) socket.stop(true);
});

function serve(fetch: (request: Request) => Response | Promise<Response>): string {
  const server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch });
  servers.push(server);
  return `http://127.0.0.1:${server.port}`;
}

function clientOf(urls: string, deadlineMs?: number) {
  const counters = createCounters();
  const options = { urls, serviceToken: "a-token-for-tests", service: "requests-service", counters };
  const client = httpClient(requestsApi, deadlineMs === undefined ? options : { ...options, deadlineMs });
  return { client, counters };
}

const worker = { worker_id: Bun.randomUUIDv7() };
const alive = () => Response.json({ kind: "alive", runs: [] });

test("posts JSON with the token to the operation's path and returns the response", async () => {
  const seen: unknown[] = [];
  const { client } = clientOf(
    serve(async (request) => {
      const { method, headers, url } = request;
      seen.push([method, new URL(url).pathname, headers.get("authorization"), await request.json()]);
      return alive();
    }),
  );
  expect(await client.heartbeat(worker)).toEqual({ kind: "alive", runs: [] });
  expect(seen).toEqual([["POST", "/internal/workers/heartbeat", "Bearer a-token-for-tests", worker]]);
});

describe("rejects with Unavailable and repeats no text of the response when", () => {
  const tooLarge = () => "x".repeat(limits.internalBodyBytesMax + 1);
  const inPieces = () =>
    new ReadableStream({
      start: (controller) => controller.enqueue(Buffer.from(tooLarge())),
    });
  const compressed = Bun.gzipSync(Buffer.from('{"kind":"alive","runs":[]}'));
  const cases: [string, () => Response | Promise<Response>][] = [
    ["the token is wrong", () => new Response("secret", { status: 401 })],
    ["the status is 500", () => new Response("secret", { status: 500 })],
    ["the response has the wrong shape", () => Response.json({ kind: "other" })],
    ["the response is not JSON", () => new Response("secret")],
    ["the response is too large", () => new Response(tooLarge())],
    ["the response declares no length and exceeds the limit", () => new Response(inPieces())],
    [
      "the response is compressed, which would evade the limit",
      () => new Response(compressed, { headers: { "content-encoding": "gzip" } }),
    ],
  ];
  test.each(cases)("%s: unexpected_response, without a retry", async (_, respond) => {
    const { client, counters } = clientOf(serve(respond));
    const error = await client.heartbeat(worker).catch((thrown) => thrown);
    expect(error).toBeInstanceOf(Unavailable);
    expect(error.reason).toBe("unexpected_response");
    expect(error.message).toContain("requests-service");
    expect(error.message).not.toContain("secret");
    expect(error.message).not.toContain("127.0.0.1");
    expect(counters.read()).toEqual({ http_calls: 1, http_refusals: 1 });
  });

  test("the service is not ready", async () => {
    const { client } = clientOf(serve(() => new Response("secret", { status: 503 })));
    const error = await client.heartbeat(worker).catch((thrown) => thrown);
    expect([isUnavailable(error), error.reason]).toEqual([true, "no_response"]);
    expect(error.message).not.toContain("secret");
  });

  test("it redirects; neither the body nor the token is sent elsewhere", async () => {
    let asked = 0;
    const elsewhere = serve(() => {
      asked++;
      return alive();
    });
    for (const status of [301, 302, 303, 307, 308]) {
      const { client } = clientOf(serve(() => Response.redirect(elsewhere, status)));
      await expect(client.heartbeat(worker)).rejects.toBeInstanceOf(Unavailable);
    }
    expect(asked).toBe(0);
  });

  test("the connection is refused: not_done", async () => {
    const url = serve(alive);
    await servers.pop()?.stop(true);
    for (const urls of [url, `${url},${url}`]) {
      const error = await clientOf(urls)
        .client.heartbeat(worker)
        .catch((thrown) => thrown);
      expect([isUnavailable(error), error.reason]).toEqual([true, "not_done"]);
    }
  });

  test("the process ends after receiving the request: no_response, although a retry is refused", async () => {
    let received = 0;
    const listener = Bun.listen({
      hostname: "127.0.0.1",
      port: 0,
      socket: {
        data(socket) {
          received++;
          listener.stop();
          socket.terminate();
        },
      },
    });
    sockets.push(listener);
    const { client } = clientOf(`http://127.0.0.1:${listener.port}`);
    const error = await client.heartbeat(worker).catch((thrown) => thrown);
    expect([received, error.reason]).toEqual([1, "no_response"]);
  });

  test("it never responds: at the deadline, which covers the retry", async () => {
    let requests = 0;
    const { client } = clientOf(
      serve(() => {
        requests++;
        return new Promise<Response>(() => {});
      }),
      200,
    );
    const startedAt = performance.now();
    await expect(client.heartbeat(worker)).rejects.toBeInstanceOf(Unavailable);
    expect(performance.now() - startedAt).toBeLessThan(2_000);
    expect(requests).toBe(1);
  });

  test("it accepts the connection and stays silent", async () => {
    const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
    sockets.push(listener);
    const { client } = clientOf(`http://127.0.0.1:${listener.port}`, 200);
    await expect(client.heartbeat(worker)).rejects.toBeInstanceOf(Unavailable);
  });

  test("the response begins and does not end", async () => {
    const { client } = clientOf(
      serve(
        () =>
          new Response(
            new ReadableStream({
              start: (controller) => controller.enqueue(new TextEncoder().encode('{"kind":')),
            }),
          ),
      ),
      200,
    );
    await expect(client.heartbeat(worker)).rejects.toBeInstanceOf(Unavailable);
  });
});

describe("a call without a response is retried once", () => {
  test("at the next address, when the first fails", async () => {
    const failing = serve(() => new Response(null, { status: 503 }));
    const healthy = serve(alive);
    const { client, counters } = clientOf(`${failing},${healthy}`);
    for (let call = 0; call < 6; call++) expect((await client.heartbeat(worker)).kind).toBe("alive");
    expect(counters.read().http_calls).toBe(7);
  });

  test("at the next address, when the first hangs, which is then skipped for a while", async () => {
    let hangs = 0;
    const hanging = serve(() => {
      hangs++;
      return new Promise<Response>(() => {});
    });
    const healthy = serve(alive);
    const { client } = clientOf(`${hanging},${healthy}`, 1_000);
    for (let call = 0; call < 20; call++) expect((await client.heartbeat(worker)).kind).toBe("alive");
    expect(hangs).toBe(1);
  });

  test("several addresses are called in turn", async () => {
    const counts = [0, 0];
    const urls = counts.map((_, index) =>
      serve(() => {
        counts[index] = (counts[index] ?? 0) + 1;
        return alive();
      }),
    );
    const { client } = clientOf(urls.join(","));
    for (let call = 0; call < 6; call++) await client.heartbeat(worker);
    expect(counts).toEqual([3, 3]);
  });

  test("a slow response within the deadline counts although another address was called", async () => {
    const release = Promise.withResolvers<void>();
    let asked = 0;
    const slow = serve(async () => {
      if (++asked === 2) release.resolve();
      await release.promise;
      return alive();
    });
    const { client, counters } = clientOf(`${slow},${slow}`, 1_000);
    expect((await client.heartbeat(worker)).kind).toBe("alive");
    expect(counters.read().http_calls).toBe(2);
  });

  test("with the same body, when the response was lost", async () => {
    const bodies: string[] = [];
    let isFirst = true;
    const listener = Bun.listen({
      hostname: "127.0.0.1",
      port: 0,
      socket: {
        data(socket, data) {
          const body = data.toString().split("\r\n\r\n")[1];
          if (!body) return;
          bodies.push(body);
          if (isFirst) socket.end();
          else socket.write(httpResponse('{"runs":[],"refused":0,"unknown":0}'));
          isFirst = false;
        },
      },
    });
    sockets.push(listener);
    const { client } = clientOf(`http://127.0.0.1:${listener.port}`);
    const claim = { ...worker, claim_id: Bun.randomUUIDv7(), executions: [] };
    expect(await client.claim(claim)).toEqual({ runs: [], refused: 0, unknown: 0 });
    expect(bodies.map((body) => JSON.parse(body))).toEqual([claim, claim]);
  });

  test("and no more than once", async () => {
    let requests = 0;
    const { client } = clientOf(
      serve(() => {
        requests++;
        return new Response(null, { status: 503 });
      }),
    );
    await expect(client.heartbeat(worker)).rejects.toBeInstanceOf(Unavailable);
    expect(requests).toBe(2);
  });
});

test("a kept-alive connection that the server closes loses no call", async () => {
  let connections = 0;
  const open = new Set<{ end(): void }>();
  const listener = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      open(socket) {
        connections++;
        open.add(socket);
      },
      close: (socket) => void open.delete(socket),
      data: (socket) => void socket.write(httpResponse('{"kind":"alive","runs":[]}')),
    },
  });
  sockets.push(listener);
  const { client } = clientOf(`http://127.0.0.1:${listener.port}`);
  await client.heartbeat(worker);
  await client.heartbeat(worker);
  expect(connections).toBe(1);
  for (const socket of open) socket.end();
  expect((await client.heartbeat(worker)).kind).toBe("alive");
  await until("a second connection", () => connections === 2);
});

function httpResponse(body: string): string {
  return `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
}
