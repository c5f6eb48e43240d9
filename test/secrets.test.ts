import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root, services } from "./folders.ts";

/**
 * Nothing secret is said, and every line of a log is one JSON object. All services are started with secrets that can
 * be recognised, towards servers that fail in every way that there is, and all that they print and answer is looked
 * through.
 */

const canary = "canary-7f3a91";
const folder = mkdtempSync(join(tmpdir(), "sate-secrets-"));
const servers: Server[] = [];
const sockets = new Set<Socket>();
afterAll(() => {
  for (const socket of sockets) socket.destroy();
  for (const server of servers) server.close();
  rmSync(folder, { recursive: true, force: true });
});

/** A server that does this with whoever connects. */
function serverThat(treat: (socket: Socket) => void): Promise<number> {
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    treat(socket);
  });
  servers.push(server);
  return new Promise((resolve) =>
    server.listen(0, "127.0.0.1", () => resolve((server.address() as { port: number }).port)),
  );
}

/** The ways in which what is at an address can fail; each is a port. */
const failing: Record<string, () => Promise<number>> = {
  "refuses connections": async () => 1,
  "accepts and says nothing": () => serverThat(() => {}),
  "hangs up": () => serverThat((socket) => socket.destroy()),
  "hangs up when it is spoken to": () => serverThat((socket) => socket.once("data", () => socket.destroy())),
  "answers nonsense": () =>
    serverThat((socket) => socket.on("data", () => socket.write(Buffer.alloc(64, 0x1b)))),
  "speaks HTTP and repeats what it was sent": () =>
    serverThat((socket) =>
      socket.on("data", (bytes) => {
        const body = JSON.stringify({ said: bytes.toString("latin1") });
        socket.end(`HTTP/1.1 500 No\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
      }),
    ),
};

/** Each with secrets in every setting that can have one. */
function environment(port: number): Record<string, string> {
  const http = `http://${canary}:${canary}@127.0.0.1:${port}`;
  return {
    HOST: "127.0.0.1",
    PORT: "0",
    LOG_LEVEL: "debug",
    SERVICE_TOKEN: `${canary}-of-the-services`,
    REQUESTS_SERVICE_URL: http,
    RESULTS_SERVICE_URL: http,
    REQUESTS_MONGO_URL: `mongodb://user:${canary}@127.0.0.1:${port}/requests`,
    RESULTS_MONGO_URL: `mongodb://user:${canary}@127.0.0.1:${port}/results`,
    KAFKA_BROKERS: `127.0.0.1:${port}`,
    KAFKA_SASL_MECHANISM: "scram-sha-256",
    KAFKA_SASL_USERNAME: "user",
    KAFKA_SASL_PASSWORD: canary,
  };
}

type Run = { answers: string; output: string; code: number | null };

const paths = ["/ready", "/metrics", "/requests", "/", "/nothing", "/internal/requests/list"];

/** Starts a service, asks it whatever it knows and does not know, stops it; answers all that was said. */
async function run(service: string, env: Record<string, string>): Promise<Run> {
  const child = Bun.spawn([process.execPath, "src/main.ts"], {
    cwd: join(root, service),
    env,
    stdout: "pipe",
    stderr: "pipe",
  });
  const errors = child.stderr.text();
  let output = "";
  let port: string | undefined;
  const listening = Promise.withResolvers<void>();
  const reading = (async () => {
    const decoder = new TextDecoder();
    for await (const piece of child.stdout) {
      output += decoder.decode(piece, { stream: true });
      port ??= /"listening".*?"port":(\d+)/.exec(output)?.[1];
      if (port !== undefined) listening.resolve();
    }
    listening.resolve();
  })();
  await listening.promise;
  let answers = "";
  if (port !== undefined) {
    const ask = async (path: string, init: RequestInit = {}) => {
      const answer = await fetch(`http://127.0.0.1:${port}${path}`, {
        signal: AbortSignal.timeout(15_000),
        ...init,
      });
      answers += `${JSON.stringify([...answer.headers])}${await answer.text()}\n`;
    };
    const withToken = { authorization: `Bearer ${env.SERVICE_TOKEN}`, "content-type": "application/json" };
    await Promise.all([
      ...paths.map((path) => ask(path)),
      ...paths.map((path) => ask(path, { headers: withToken })),
      ask("/requests", { method: "POST", headers: withToken, body: `{"payload":"${canary}"}` }),
      ask("/internal/requests/list", { method: "POST", headers: withToken, body: '{"limit":1}' }),
    ]);
  }
  child.kill("SIGTERM");
  const code = await child.exited;
  await reading;
  return { answers, output: `${output}${await errors}`, code };
}

/** One JSON object a line, of characters that no terminal and no reader of lines acts on. */
function expectLog(output: string): void {
  expect(output.replaceAll("\n", "")).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}]/u);
  for (const line of output.split("\n").filter((line) => line !== "")) {
    expect(JSON.parse(line)).toMatchObject({
      time: expect.any(String),
      level: expect.stringMatching(/^(debug|info|warn|error)$/),
      service: expect.any(String),
      message: expect.any(String),
    });
  }
}

for (const [name, start] of Object.entries(failing)) {
  test(`no secret is said while everything that there is ${name}`, async () => {
    const env = environment(await start());
    const runs = await Promise.all(services.map((service) => run(service, env)));
    for (const [index, { answers, output, code }] of runs.entries()) {
      expect([services[index], code]).toEqual([services[index], 0]);
      expect(output.length).toBeGreaterThan(200);
      expect(answers.length).toBeGreaterThan(200);
      expect(output + answers).not.toContain(canary);
      expect(answers).not.toMatch(/ at .*\.ts|node_modules|127\.0\.0\.1:1\b/);
      expectLog(output);
      const isDatabaseRefused = name === "refuses connections" && services[index] === "requests-service";
      if (isDatabaseRefused) expect(output).toMatch(/"cause":"Mongo[^"]+ ECONNREFUSED"/);
    }
  }, 90_000);
}

test("no secret is said of settings that are wrong", async () => {
  const wrong = {
    ...environment(1),
    HOST: "0.0.0.0",
    PORT: canary,
    SERVICE_TOKEN: canary.slice(0, 13),
    REQUESTS_SERVICE_URL: `http://${canary}/path`,
    RESULTS_SERVICE_URL: canary,
    REQUESTS_MONGO_URL: `mysql://${canary}`,
    RESULTS_MONGO_URL: canary,
    KAFKA_BROKERS: canary,
    KAFKA_SASL_MECHANISM: canary,
    KAFKA_SSL_CA: `/${canary}`,
    API_KEYS: canary,
    API_KEYS_FILE: `/${canary}`,
    LOG_LEVEL: canary,
  };
  for (const service of [...services, "standalone"]) {
    const { output, code } = await run(service, wrong);
    expect([service, code]).toEqual([service, 78]);
    expect(output).not.toContain(canary.slice(0, 13));
    expectLog(output);
  }
}, 60_000);

test("addresses of databases that the driver cannot read end a service with 78, unsaid", async () => {
  for (const [service, name] of [
    ["requests-service", "REQUESTS_MONGO_URL"],
    ["results-service", "RESULTS_MONGO_URL"],
    ["results-listener", "RESULTS_MONGO_URL"],
  ] as const) {
    for (const url of [
      `mongodb://user:${canary}@${canary}@host/db`,
      `mongodb://user:${canary}@host/db?tls=${canary}`,
      `mongodb://user:${canary}@host/db?tls=true&tlsCAFile=/no-such-file`,
    ]) {
      const { output, code } = await run(service, { ...environment(1), [name]: url });
      const isFile = url.includes("tlsCAFile");
      // That a file is missing the driver says when it connects: then the database counts as away, and the log says why.
      if (!isFile || code !== 0) expect([service, url, code]).toEqual([service, url, 78]);
      else expect(output).toContain("ENOENT /no-such-file");
      expect(output).not.toContain(canary);
      expectLog(output);
    }
  }
}, 60_000);

test("standalone says nothing of payloads, at its most talkative, and of no key", async () => {
  const keyRun = Bun.spawnSync([
    process.execPath,
    join(root, "gateway/src/access/make-key.ts"),
    "test",
    "admin",
  ]);
  const [key = ""] = /sate_[\w-]{43}/.exec(keyRun.stderr.toString()) ?? [];
  const keys = join(folder, "keys");
  writeFileSync(keys, keyRun.stdout.toString());
  const child = Bun.spawn([process.execPath, "src/main.ts"], {
    cwd: join(root, "standalone"),
    env: {
      PORT: "0",
      DATA_DIR: join(folder, "data"),
      LOG_LEVEL: "debug",
      PROCESSING_SECONDS: "0",
      MAX_FAILURES: "1",
      API_KEYS_FILE: keys,
    },
    stdout: "pipe",
    stderr: "pipe",
  });
  let output = "";
  const ready = Promise.withResolvers<void>();
  const reading = (async () => {
    for await (const piece of child.stdout) {
      output += new TextDecoder().decode(piece);
      if (output.includes("Sate is ready on")) ready.resolve();
    }
  })();
  await ready.promise;
  const at = `http://127.0.0.1:${/"listening".*?"port":(\d+)/.exec(output)?.[1]}`;
  const headers = { authorization: `Bearer ${key}`, "content-type": "application/json" };
  const ask = async (method: string, path: string, body?: string) => {
    const answer = await fetch(at + path, { method, headers, ...(body !== undefined && { body }) });
    return (await answer.json()) as { id: string; results?: object[] };
  };
  const hostile = JSON.stringify({ [canary]: `${canary}\n\u001b[2J\u2028{"level":"error"}` });
  for (const execution of ["{}", '{"force_error":true}', `{"${canary}":1}`]) {
    const { id } = await ask("POST", "/requests", `{"payload":${hostile}}`);
    await ask("POST", `/requests/${id}/executions`, execution);
    const end = performance.now() + 10_000;
    const isOver = async () => (await ask("GET", `/requests/${id}/results`)).results?.length === 1;
    while (!execution.includes(canary) && !(await isOver())) {
      if (performance.now() > end) throw new Error("it has no result within 10 s");
    }
    // The dead letter queue, which gets its payload.
    await ask("POST", `/requests/${id}/executions`, "{}");
  }
  await ask("POST", "/requests", `{"payload":"${canary}`);
  await ask("POST", "/requests", `{"payload":1,"processor":"${canary}\\u0000"}`);
  await ask("GET", `/requests?limit=${canary}`);
  child.kill("SIGTERM");
  expect(await child.exited).toBe(0);
  await reading;
  expect(await child.stderr.text()).toBe("");
  // What it says to the person who starts it is no log.
  const log = output.split("\n").filter((line) => line.startsWith("{"));
  expect(log.length).toBeGreaterThan(5);
  expect(output).toContain('"api key used"');
  expect(output).not.toContain(key);
  expect(log.join("\n")).not.toContain(canary);
  expectLog(log.join("\n"));
}, 60_000);
