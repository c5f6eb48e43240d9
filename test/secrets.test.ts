import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root, services } from "./folders.ts";

/**
 * No secret is printed or returned, and every line of a log is one JSON object. All services are started with
 * recognizable secrets, and with servers that fail in every way.
 */

const canary = "canary-7f3a91";
const folder = mkdtempSync(join(tmpdir(), "sate-secrets-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

type Env = Record<string, string>;

/** With secrets in every setting that can have one. */
function environment(port: number): Env {
  const http = `http://${canary}:${canary}@127.0.0.1:${port}`;
  return {
    HOST: "127.0.0.1",
    PORT: "0",
    LOG_LEVEL: "debug",
    SERVICE_TOKEN: `${canary}-of-the-services`,
    REQUESTS_SERVICE_URL: http,
    RESULTS_SERVICE_URL: http,
    RESULTS_LISTENER_URL: http,
    REQUESTS_MONGO_URL: `mongodb://user:${canary}@127.0.0.1:${port}/requests`,
    RESULTS_MONGO_URL: `mongodb://user:${canary}@127.0.0.1:${port}/results`,
    KAFKA_BROKERS: `127.0.0.1:${port}`,
    KAFKA_SASL_MECHANISM: "scram-sha-256",
    KAFKA_SASL_USERNAME: "user",
    KAFKA_SASL_PASSWORD: canary,
  };
}

/** Starts a process. Resolves when it is ready, with its URL, or when it has ended. */
async function start(name: string, env: Env, ready = /"listening".*?"port":(\d+)/) {
  const child = Bun.spawn([process.execPath, "src/main.ts"], {
    ...{ cwd: join(root, name), env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const errors = child.stderr.text();
  let output = "";
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  const reading = (async () => {
    for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
      output += text;
      const [, port] = ready.exec(output) ?? [];
      if (port) resolve(`http://127.0.0.1:${port}`);
    }
    resolve(undefined);
  })();
  const url = await promise;
  const stop = async () => {
    child.kill("SIGTERM");
    const code = await child.exited;
    await reading;
    return { code, output, errors: await errors };
  };
  return { url, stop };
}

const paths = ["/ready", "/metrics", "/requests", "/", "/nothing", "/internal/requests/list"];

/** Starts a service, sends it requests that it knows and does not know, and stops it. */
async function run(service: string, env: Env) {
  const { url, stop } = await start(service, env);
  let responses = "";
  const ask = async (path: string, init: RequestInit = {}) => {
    const response = await fetch(`${url}${path}`, { signal: AbortSignal.timeout(15_000), ...init });
    responses += `${JSON.stringify([...response.headers])}${await response.text()}\n`;
  };
  const headers = { authorization: `Bearer ${env.SERVICE_TOKEN}`, "content-type": "application/json" };
  const post = (path: string, body: string) => ask(path, { method: "POST", headers, body });
  if (url !== undefined)
    await Promise.all([
      ...paths.flatMap((path) => [ask(path), ask(path, { headers })]),
      post("/requests", `{"payload":"${canary}"}`),
      post("/internal/requests/list", '{"limit":1}'),
    ]);
  const { code, output, errors } = await stop();
  return { responses, output: output + errors, code };
}

/** One JSON object a line, without characters that a terminal or a reader of lines acts on. */
function expectLog(output: string): void {
  expect(output.replaceAll("\n", "")).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}]/u);
  for (const line of output.split("\n").filter((line) => line !== ""))
    expect(JSON.parse(line)).toMatchObject({
      time: expect.any(String),
      level: expect.stringMatching(/^(debug|info|warn|error)$/),
      service: expect.any(String),
      message: expect.any(String),
    });
}

type Handlers = Partial<Bun.SocketHandler>;
const failing: [how: string, handlers: Handlers | undefined][] = [
  ["refuses connections", undefined],
  ["accepts and stays silent", {}],
  ["hangs up", { open: (socket) => socket.terminate() }],
  ["hangs up on the first bytes", { data: (socket) => socket.terminate() }],
  ["returns nonsense", { data: (socket) => void socket.write(Buffer.alloc(64, 0x1b)) }],
  [
    "returns what it received as an HTTP error",
    {
      data(socket, bytes) {
        const body = JSON.stringify({ received: bytes.toString("latin1") });
        socket.end(`HTTP/1.1 500 No\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
      },
    },
  ],
];
test.each(failing)(
  "no service reveals a secret while each of its servers %s",
  async (_, handlers) => {
    const socket = { data() {}, ...handlers };
    const server = handlers && Bun.listen({ hostname: "127.0.0.1", port: 0, socket });
    const env = environment(server?.port ?? 1);
    const runs = await Promise.all(services.map((service) => run(service, env)));
    server?.stop(true);
    for (const [index, { responses, output, code }] of runs.entries()) {
      expect([services[index], code]).toEqual([services[index], 0]);
      expect(output.length).toBeGreaterThan(200);
      expect(responses.length).toBeGreaterThan(200);
      expect(output + responses).not.toContain(canary);
      expect(responses).not.toMatch(/ at .*\.ts|node_modules|127\.0\.0\.1:1\b/);
      expectLog(output);
      if (!server && services[index] === "requests-service")
        expect(output).toMatch(/"cause":"Mongo[^"]+ ECONNREFUSED"/);
    }
  },
  90_000,
);

const wrong: [what: string, env: Env, names: string[]][] = [
  [
    "every setting is wrong",
    {
      HOST: "0.0.0.0",
      PORT: canary,
      SERVICE_TOKEN: canary.slice(0, 13),
      REQUESTS_SERVICE_URL: `http://${canary}/path`,
      RESULTS_SERVICE_URL: canary,
      RESULTS_LISTENER_URL: canary,
      REQUESTS_MONGO_URL: `mysql://${canary}`,
      RESULTS_MONGO_URL: canary,
      KAFKA_BROKERS: canary,
      KAFKA_SASL_MECHANISM: canary,
      KAFKA_SSL_CA: `/${canary}`,
      API_KEYS: canary,
      API_KEYS_FILE: `/${canary}`,
      LOG_LEVEL: canary,
    },
    [...services, "standalone"],
  ],
  ...[`${canary}@host/db`, `host/db?tls=${canary}`].map((rest): (typeof wrong)[number] => {
    const url = `mongodb://user:${canary}@${rest}`;
    return [
      `the driver cannot parse the database address mongodb://user:…@${rest}`,
      { REQUESTS_MONGO_URL: url, RESULTS_MONGO_URL: url },
      ["requests-service", "results-service", "results-listener"],
    ];
  }),
];
test.each(wrong)(
  "if %s, a process ends with 78 and reveals nothing",
  async (_, env, names) => {
    for (const name of names) {
      const { output, code } = await run(name, { ...environment(1), ...env });
      expect([name, code]).toEqual([name, 78]);
      expect(output).not.toContain(canary.slice(0, 13));
      expectLog(output);
    }
  },
  60_000,
);

test("standalone with LOG_LEVEL=debug logs no payload and no API key", async () => {
  const makeKey = [process.execPath, join(root, "gateway/src/access/make-key.ts"), "test", "admin"];
  const { stdout, stderr } = Bun.spawnSync(makeKey);
  const [key = ""] = /sate_[\w-]{43}/.exec(stderr.toString()) ?? [];
  const API_KEYS_FILE = join(folder, "keys");
  writeFileSync(API_KEYS_FILE, stdout.toString());
  const env = { PORT: "0", DATA_DIR: join(folder, "data"), LOG_LEVEL: "debug", API_KEYS_FILE };
  const { url, stop } = await start(
    "standalone",
    { ...env, PROCESSING_SECONDS: "0", MAX_FAILURES: "1" },
    /Sate is ready on http:\S+:(\d+)/,
  );
  const headers = { authorization: `Bearer ${key}`, "content-type": "application/json" };
  const ask = async (method: string, path: string, body?: string) => {
    const response = await fetch(`${url}${path}`, { method, headers, ...(body !== undefined && { body }) });
    return (await response.json()) as { id: string; results?: object[] };
  };
  const hostile = JSON.stringify({ [canary]: `${canary}\n\u001b[2J\u2028{"level":"error"}` });
  for (const execution of ["{}", '{"force_error":true}', `{"${canary}":1}`]) {
    const { id } = await ask("POST", "/requests", `{"payload":${hostile}}`);
    await ask("POST", `/requests/${id}/executions`, execution);
    const end = performance.now() + 10_000;
    const hasResult = async () => (await ask("GET", `/requests/${id}/results`)).results?.length === 1;
    while (!execution.includes(canary) && !(await hasResult()))
      if (performance.now() > end) throw new Error("it has no result within 10 s");
    // Refused after a failure, which puts the payload into the dead letter queue.
    await ask("POST", `/requests/${id}/executions`, "{}");
  }
  await ask("POST", "/requests", `{"payload":"${canary}`);
  await ask("POST", "/requests", `{"payload":1,"processor":"${canary}\\u0000"}`);
  await ask("GET", `/requests?limit=${canary}`);
  const { code, output, errors } = await stop();
  expect([code, errors]).toEqual([0, ""]);
  // The other lines are for the person who starts it.
  const log = output.split("\n").filter((line) => line.startsWith("{"));
  expect(log.length).toBeGreaterThan(5);
  expect(output).toContain('"api key used"');
  expect(output).not.toContain(key);
  expect(log.join("\n")).not.toContain(canary);
  expectLog(log.join("\n"));
}, 60_000);
