import { afterEach, expect, test } from "bun:test";
import { type RequestsApi, requestsApi } from "@sate/contracts";
import { httpClient } from "../../src/adapters/client-http.ts";
import { createCounters } from "../../src/counters.ts";
import { Unavailable } from "../../src/ports.ts";
import { Refused } from "../../src/refused.ts";

const token = "0123456789abcdef";
const id = "01900000-0000-7000-8000-000000000000";
const unknown = () => Response.json({ kind: "unknown_request" });

const servers: Bun.Server<undefined>[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop(true);
});

function serve(answer: (request: Request) => Response | Promise<Response>): string {
  const server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: answer });
  servers.push(server);
  return `http://127.0.0.1:${server.port}`;
}

function client(urls: string, deadlineMs = 5_000): { api: RequestsApi; calls: () => number | undefined } {
  const counters = createCounters();
  const options = { urls, serviceToken: token, service: "requests-service", counters, deadlineMs };
  return { api: httpClient(requestsApi, options), calls: () => counters.read().http_calls };
}

const failure = async (promise: Promise<unknown>) => {
  const error = await promise.then(
    () => null,
    (error: unknown) => error,
  );
  if (!(error instanceof Unavailable)) throw new Error("it was no Unavailable");
  return error;
};

test("asks with the token, and answers what the service said", async () => {
  let seen: unknown;
  const { api, calls } = client(
    serve(async (request) => {
      const { pathname } = new URL(request.url);
      seen = [request.method, pathname, request.headers.get("authorization"), await request.json()];
      return unknown();
    }),
  );
  expect(await api.getRequest({ request_id: id })).toEqual({ kind: "unknown_request" });
  expect(seen).toEqual(["POST", requestsApi.getRequest.path, `Bearer ${token}`, { request_id: id }]);
  expect(calls()).toBe(1);
});

test("several addresses are asked in turn", async () => {
  const counts = [0, 0];
  const urls = counts.map((_, index) =>
    serve(() => {
      counts[index] = (counts[index] ?? 0) + 1;
      return unknown();
    }),
  );
  const { api } = client(urls.join(","));
  for (let call = 0; call < 6; call++) await api.getRequest({ request_id: id });
  expect(counts).toEqual([3, 3]);
});

test("what one address does not answer the next one is asked for: refused connections, 503, silence", async () => {
  const never = new Promise<Response>(() => {});
  const bad = ["http://127.0.0.1:1", serve(() => new Response(null, { status: 503 })), serve(() => never)];
  for (const url of bad) {
    const { api } = client(`${url},${serve(unknown)}`, 1_000);
    for (let call = 0; call < 2; call++) {
      expect(await api.getRequest({ request_id: id })).toEqual({ kind: "unknown_request" });
    }
  }
});

test("an answer that is slow but comes in time counts, though another one was asked for", async () => {
  const release = Promise.withResolvers<void>();
  let asked = 0;
  const slow = serve(async () => {
    if (++asked === 2) release.resolve();
    await release.promise;
    return unknown();
  });
  const { api, calls } = client(`${slow},${slow}`, 1_000);
  expect(await api.getRequest({ request_id: id })).toEqual({ kind: "unknown_request" });
  expect(calls()).toBe(2);
});

test("without an answer in time it is unavailable, and nobody refused", async () => {
  const never = new Promise<Response>(() => {});
  for (const url of ["http://127.0.0.1:1", serve(() => never)]) {
    const startedAt = performance.now();
    const error = await failure(client(url, 200).api.getRequest({ request_id: id }));
    expect(error.cause).not.toBeInstanceOf(Refused);
    expect(performance.now() - startedAt).toBeLessThan(2_000);
  }
});

test("a refusal, a failure and an answer of another shape are told apart from silence, and not repeated", async () => {
  const answers = [
    () => new Response(null, { status: 401 }),
    () => new Response(null, { status: 500 }),
    () => Response.json({ kind: "of another version" }),
    () => new Response("not json"),
  ];
  for (const answer of answers) {
    const { api, calls } = client(serve(answer));
    const error = await failure(api.getRequest({ request_id: id }));
    expect(error.cause).toBeInstanceOf(Refused);
    expect(error.message).toContain("requests-service");
    expect(calls()).toBe(1);
  }
});
