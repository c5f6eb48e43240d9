import { afterAll, describe, expect, test } from "bun:test";
import { limits } from "@sate/contracts";
import { httpHandler } from "../../../src/handlers/http/handler.ts";
import { signatureHeaders, signingKey } from "../../../src/handlers/http/signature.ts";
import { startRun } from "../../conformance/handlers/run.ts";
import { eventually } from "../../eventually.ts";

const nowMs = 1_700_000_000_000;
type Respond = (request: Request) => Response | Promise<Response>;
let respond: Respond = () => new Response(null, { status: 204 });
const server = Bun.serve({
  port: 0,
  hostname: "127.0.0.1",
  idleTimeout: 0,
  fetch: (request) => respond(request),
});
afterAll(() => server.stop(true));

const url = (path = "") => new URL(`http://127.0.0.1:${server.port}/${path}`);
const processor = (endpoint: Partial<Parameters<typeof httpHandler>[0]> = {}) => ({
  announcement: { name: "one", kind: "http" as const, timeout_seconds: 60 },
  handler: httpHandler({ url: url(), headers: {}, signingKey: null, ...endpoint }, () => nowMs),
  graceMs: 500,
});

/** The end of a run against an endpoint that responds so. */
function endAfter(response: Respond, endpoint?: Parameters<typeof processor>[0]) {
  respond = response;
  return startRun(processor(endpoint), { payloadJson: '{"a":1.0}' }).end;
}
const json = (text: string, init?: ResponseInit & { headers?: Record<string, string> }) =>
  new Response(text, { ...init, headers: { "content-type": "application/json", ...init?.headers } });

test("an endpoint gets one POST of the payload, with the headers of the run and of its declaration", async () => {
  const requests: { method: string; headers: Record<string, string>; body: string }[] = [];
  respond = async (request) => {
    requests.push({
      method: request.method,
      headers: Object.fromEntries(request.headers),
      body: await request.text(),
    });
    return json("1");
  };
  const { end, executionId } = startRun(processor({ headers: { authorization: "Bearer token" } }), {
    payloadJson: '{"a":1.0}',
    deadlineMs: 10,
  });
  await end;
  expect(requests).toEqual([
    {
      method: "POST",
      headers: {
        accept: "application/json",
        "accept-encoding": "identity",
        authorization: "Bearer token",
        connection: "close",
        "content-length": "9",
        "content-type": "application/json",
        host: url().host,
        "idempotency-key": executionId,
        "sate-attempt": "1",
        "sate-epoch": "2",
        "sate-timeout": "1",
        "sate-try": "1",
        "user-agent": "Sate",
      },
      body: '{"a":1.0}',
    },
  ]);
});

describe("signatures", () => {
  // The example of the reference implementations.
  const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
  const signed = { id: "msg_p5jXN8AQM9LWM0D4loKWxJek", atMs: 1_614_265_330_999 };

  test("are those of Standard Webhooks", () => {
    const body = Buffer.from('{"test": 2432232314}');
    expect(signatureHeaders([signingKey(secret) as Uint8Array], { ...signed, body })).toEqual({
      "webhook-id": signed.id,
      "webhook-timestamp": "1614265330",
      "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    });
  });

  test("use any other secret as it is, and refuse what is no base64", () => {
    expect(signingKey("päss")).toEqual(Buffer.from("päss"));
    expect(signingKey("whsec_päss")).toBeNull();
    expect(signingKey("whsec_")).toBeNull();
  });

  test("are sent with the execution id, which is the same in all tries", async () => {
    let headers = new Headers();
    const get: Respond = (request) => {
      headers = request.headers;
      return json("1");
    };
    await endAfter(get, { signingKey: signingKey(secret) });
    expect(headers.get("webhook-id")).toBe(headers.get("idempotency-key"));
    expect(headers.get("webhook-timestamp")).toBe(String(nowMs / 1_000));
    expect(headers.get("webhook-signature")).toMatch(/^v1,.{44}$/);
  });
});

describe("responses", () => {
  const succeeded = (outputsJson: string) => ({ kind: "succeeded", outputsJson });

  test("with 2xx and JSON are the outputs, 204 is null", async () => {
    expect(await endAfter(() => json(' {"a": 1e400}\n'))).toEqual(succeeded('{"a": 1e400}') as never);
    expect(await endAfter(() => json("[]", { status: 202 }))).toEqual(succeeded("[]") as never);
    const problem = () =>
      json("{}", { headers: { "content-type": "Application/Problem+JSON;charset=utf-8" } });
    expect(await endAfter(problem)).toEqual(succeeded("{}") as never);
    expect(await endAfter(() => new Response(null, { status: 204 }))).toEqual(succeeded("null") as never);
  });

  const noJson: Record<string, Respond> = {
    "another type": () => json("{}", { headers: { "content-type": "text/html" } }),
    "no type": () => new Response(null, { status: 200 }),
    "a compressed body": () => json("{}", { headers: { "content-encoding": "gzip" } }),
    "bytes that are not UTF-8": () =>
      new Response(new Uint8Array([0x22, 0xff, 0x22]), { headers: { "content-type": "application/json" } }),
  };
  test.each(Object.keys(noJson))("with %s are a failure", async (what) => {
    const end = await endAfter(noJson[what] as Respond);
    expect(end).toMatchObject({ kind: "failed", error: { code: "outputs_not_json" }, isRetryable: false });
  });

  test("with another status are failures, of which some may be retried", async () => {
    const retryable = [408, 425, 429, 500, 502, 503, 504];
    for (const status of [...retryable, 300, 302, 304, 400, 401, 404, 409, 410, 422, 501, 505]) {
      const headers = { location: url("elsewhere").href };
      expect(await endAfter(() => new Response(null, { status, headers }))).toEqual({
        kind: "failed",
        error: { code: `http_${status}`, message: `The endpoint responded with status ${status}.` },
        isRetryable: retryable.includes(status),
      });
    }
  });

  test("that are no reported failure are not repeated in the error", async () => {
    for (const body of [
      "secret",
      '"secret"',
      '{"message":"secret"}',
      '{"code":"","message":"secret"}',
      "null",
    ]) {
      expect(await endAfter(() => json(body, { status: 400 }))).toMatchObject({
        error: { code: "http_400", message: "The endpoint responded with status 400." },
      });
    }
  });

  test("may report a failure, and that it may be retried", async () => {
    const report = { code: "not_yet", message: "Later.", retryable: true };
    expect(await endAfter(() => json(JSON.stringify(report), { status: 404 }))).toEqual({
      kind: "failed",
      error: { code: "not_yet", message: "Later." },
      isRetryable: true,
    });
  });

  const at = (ms: number) => new Date(nowMs + ms).toUTCString();
  test.each<[Record<string, string>, number | undefined]>([
    [{ "retry-after": "7" }, 7_000],
    [{ "retry-after": at(9_000) }, 9_000],
    [{ "retry-after": at(9_000), date: at(4_000) }, 5_000],
    [{ "retry-after": at(-9_000), date: at(0) }, 0],
    [{ "retry-after": "9".repeat(300) }, limits.timeoutSecondsMax * 1_000],
    [{ "retry-after": "soon" }, undefined],
    [{}, undefined],
  ])("may ask for a pause before the next try: %j is %p ms", async (headers, retryAfterMs) => {
    // Bun's server adds the time of its own clock where there is no Date.
    const sent = { date: at(0), ...headers };
    const end = await endAfter(() => new Response(null, { status: 503, headers: sent }));
    expect(end).toMatchObject({ isRetryable: true });
    expect("retryAfterMs" in end ? end.retryAfterMs : undefined).toBe(retryAfterMs);
  });
});

describe("an endpoint that cannot be reached is a failure that may be retried, without its address", () => {
  const raw = (answer: string) =>
    Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: (socket) => void socket.end(answer) } });
  const listeners = {
    "closes the connection": raw(""),
    "sends half of a response": raw(
      "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n[1",
    ),
    "does not speak HTTP": raw("220 mail.internal ESMTP\r\n"),
  };
  afterAll(() => Object.values(listeners).forEach((listener) => void listener.stop(true)));
  const addresses: Record<string, string> = {
    "does not listen": "http://127.0.0.1:1/secret",
    "has no address": "http://secret.invalid/",
    "speaks no TLS": url("secret").href.replace("http:", "https:"),
    ...Object.fromEntries(
      Object.entries(listeners).map(([what, { port }]) => [what, `http://127.0.0.1:${port}/secret`]),
    ),
  };

  test.each(Object.keys(addresses))("it %s", async (what) => {
    const end = await endAfter(() => json("1"), { url: new URL(addresses[what] as string) });
    expect(end).toMatchObject({ kind: "failed", error: { code: "http_unreachable" }, isRetryable: true });
    expect(JSON.stringify(end)).not.toMatch(/secret|127\.0|internal/);
  });
});

test("an aborted call closes the connection, before and in the middle of the response", async () => {
  const silent: Respond = () => new Promise(() => {});
  const half: Respond = () => {
    const start = (controller: ReadableStreamDefaultController) => controller.enqueue(Buffer.from("[1,"));
    return new Response(new ReadableStream({ start }), { headers: { "content-type": "application/json" } });
  };
  for (const response of [silent, half]) {
    let request: Request | undefined;
    respond = (given) => {
      request = given;
      return response(given);
    };
    const run = startRun(processor());
    await eventually(() => request !== undefined, "the endpoint has the call");
    run.abort("cancelled");
    expect(await run.end).toEqual({ kind: "threw", name: "Aborted" });
    await eventually(() => request?.signal.aborted === true, "the endpoint sees the end of the connection");
  }
});

test("slow calls do not hold up the heartbeats of the worker, which are fetches", async () => {
  let called = 0;
  respond = (request) => {
    if (request.method === "GET") return json("1");
    called++;
    return new Promise(() => {});
  };
  const runs = Array.from({ length: 300 }, () => startRun(processor()));
  await eventually(() => called === runs.length, "all calls have arrived");
  expect((await fetch(url(), { signal: AbortSignal.timeout(4_000) })).status).toBe(200);
  for (const run of runs) run.abort("stopping");
  await Promise.all(runs.map((run) => run.end));
});
