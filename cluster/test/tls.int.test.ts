import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../src/servers/addresses.ts";
import { installJava } from "../src/servers/java.ts";
import { until } from "../src/supervise/deadline.ts";
import { startCluster } from "./start-cluster.ts";
import { secureServers } from "./tls-servers.ts";

/** TLS and SASL with real servers: the right settings work for the whole system, and each wrong one is refused. */

const root = join(import.meta.dir, "../..");
const java = await installJava(console.error);
const missing =
  java.kind === "unavailable" ? java.reason : Bun.which("openssl") ? undefined : "openssl is not installed";
if (missing) console.log(`Skipped: ${missing}`);

const folder = mkdtempSync(join(tmpdir(), "sate-tls-"));
const user = { name: "sate", password: "canary-of-the-broker" };
const wrongPassword = "canary-that-is-wrong";
const token = "0123456789abcdef";
/** By all processes. */
const printed: string[] = [];
let servers: Awaited<ReturnType<typeof secureServers>>;

beforeAll(async () => {
  if (java.kind === "installed" && !missing) servers = await secureServers(java, folder, user);
}, 120_000);

afterAll(async () => {
  await servers?.stop();
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

type Env = Record<string, string>;
const mongoUrl = (name: "requests" | "results" | "misnamed", ca = servers.certificates.ca) =>
  `mongodb://${servers.mongo[name]}/${name === "requests" ? name : "results"}?tls=true&tlsCAFile=${encodeURIComponent(ca)}`;
/** Settings that work, for each way of authentication. */
const sasl = (): Env => ({
  KAFKA_BROKERS: servers.kafka.SECURE,
  KAFKA_SSL: "1",
  KAFKA_SSL_CA: servers.certificates.ca,
  KAFKA_SASL_MECHANISM: "scram-sha-512",
  KAFKA_SASL_USERNAME: user.name,
  KAFKA_SASL_PASSWORD: user.password,
});
const mutual = (): Env => ({
  KAFKA_BROKERS: servers.kafka.MUTUAL,
  KAFKA_SSL: "1",
  KAFKA_SSL_CA: servers.certificates.ca,
  KAFKA_SSL_CERT: servers.certificates.client.cert,
  KAFKA_SSL_KEY: servers.certificates.client.key,
});

/** Starts a service. Returns whether it becomes ready; otherwise a server has not responded for a while. */
async function becomesReady(service: string, env: Env): Promise<boolean> {
  const port = await freePort();
  const child = Bun.spawn([process.execPath, "src/main.ts"], {
    cwd: join(root, service),
    env: { SERVICE_TOKEN: token, PORT: `${port}`, LOG_LEVEL: "debug", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const output = Promise.all([child.stdout.text(), child.stderr.text()]);
  let refusals = 0;
  let isReady = false;
  const isDecided = async () => {
    const response = await fetch(`http://127.0.0.1:${port}/ready`, {
      headers: { authorization: `Bearer ${token}` },
    }).catch(() => null);
    const { ready, reasons } = ((await response?.json()) ?? {}) as { ready?: boolean; reasons?: string[] };
    isReady = ready === true;
    if (reasons?.some((reason) => reason.includes("does not respond"))) refusals++;
    return isReady || refusals >= 5 || child.exitCode !== null;
  };
  await until(isDecided, 30_000, 200);
  child.kill("SIGKILL");
  printed.push(...(await output));
  expect(isReady || refusals > 0).toBe(true);
  return isReady;
}

/** Its database works, and it is ready without results-service: only the broker decides. */
const publisher = (env: Env) =>
  becomesReady("requests-service", {
    REQUESTS_MONGO_URL: mongoUrl("requests"),
    RESULTS_SERVICE_URL: "http://127.0.0.1:1",
    RESULTS_LISTENER_URL: "http://127.0.0.1:1",
    ...env,
  });
const reader = (url: string) => becomesReady("results-service", { RESULTS_MONGO_URL: url });

describe.skipIf(missing !== undefined)("TLS and SASL", () => {
  const right: [what: string, connects: () => Promise<boolean>][] = [
    ...["plain", "scram-sha-256", "scram-sha-512"].map((mechanism): [string, () => Promise<boolean>] => [
      `a broker with ${mechanism}`,
      () => publisher({ ...sasl(), KAFKA_SASL_MECHANISM: mechanism }),
    ]),
    ["a broker that requires a client certificate", () => publisher(mutual())],
    ["a database", () => reader(mongoUrl("results"))],
  ];
  test.each(right)(
    "a service connects to %s",
    async (_, connects) => {
      expect(await connects()).toBe(true);
    },
    60_000,
  );

  const plain = { KAFKA_SASL_MECHANISM: "plain", KAFKA_SASL_PASSWORD: wrongPassword };
  const wrong: [what: string, connects: () => Promise<boolean>][] = [
    ["broker of an unknown authority", () => publisher({ ...sasl(), KAFKA_SSL_CA: "" })],
    [
      "broker of another authority",
      () => publisher({ ...sasl(), KAFKA_SSL_CA: servers.certificates.otherCa }),
    ],
    ["broker with another name", () => publisher({ ...sasl(), KAFKA_BROKERS: servers.kafka.MISNAMED })],
    ["broker with a wrong password", () => publisher({ ...sasl(), KAFKA_SASL_PASSWORD: wrongPassword })],
    ["broker with a wrong password and PLAIN", () => publisher({ ...sasl(), ...plain })],
    ["broker with an unknown user", () => publisher({ ...sasl(), KAFKA_SASL_USERNAME: "other" })],
    ["broker without TLS", () => publisher({ ...sasl(), KAFKA_SSL: "0", KAFKA_SSL_CA: "" })],
    [
      "broker without the required client certificate",
      () => publisher({ ...mutual(), KAFKA_SSL_CERT: "", KAFKA_SSL_KEY: "" }),
    ],
    ["database of an unknown authority", () => reader(mongoUrl("results").replace(/&.*/, ""))],
    ["database of another authority", () => reader(mongoUrl("results", servers.certificates.otherCa))],
    ["database with another name", () => reader(mongoUrl("misnamed"))],
    ["database without TLS", () => reader(mongoUrl("results").replace(/\?.*/, ""))],
  ];
  test.each(wrong)(
    "a service does not connect to a %s",
    async (_, connects) => {
      expect(await connects()).toBe(false);
    },
    60_000,
  );

  test("the whole system works, with an API key", async () => {
    const makeKey = [process.execPath, join(root, "gateway/src/access/make-key.ts"), "test", "read+submit"];
    const { stdout, stderr } = Bun.spawnSync(makeKey);
    const [key = ""] = /sate_[\w-]+/.exec(stderr.toString()) ?? [];
    const cluster = startCluster({
      ...sasl(),
      COMPOSE_FILE: undefined,
      REQUESTS_MONGO_URL: mongoUrl("requests"),
      RESULTS_MONGO_URL: mongoUrl("results"),
      API_KEYS: stdout.toString().trim(),
      PROCESSING_SECONDS: "0",
      LOG_LEVEL: "debug",
      DATA_DIR: join(folder, "data"),
    });
    try {
      await cluster.printed("Sate is ready.", 90_000);
      const url = `http://127.0.0.1:${cluster.process("gateway-1").port}/requests`;
      const headers = { authorization: `Bearer ${key}`, "content-type": "application/json" };
      const call = async (path: string, init: RequestInit = {}) =>
        (await (await fetch(`${url}${path}`, { headers, ...init })).json()) as {
          id: string;
          results: object[];
        };
      expect((await fetch(url)).status).toBe(401);
      const { id } = await call("", { method: "POST", body: '{"payload":"canary-of-the-payload"}' });
      await call(`/${id}/executions`, { method: "POST" });
      const hasResult = async () => (await call(`/${id}/results`)).results.length === 1;
      expect(await until(hasResult, 30_000, 200)).toBe(true);
    } finally {
      await cluster.ends(0, "SIGTERM");
      printed.push(cluster.text());
    }
    const logs = join(folder, "data/cluster/logs");
    for (const file of readdirSync(logs)) printed.push(readFileSync(join(logs, file), "utf8"));
    expect(printed.join("\n")).not.toContain(key);
  }, 180_000);

  test("no process printed a secret, and the log says why a broker was refused", () => {
    expect(printed.join("\n")).not.toContain("canary");
    const causes = printed
      .join("\n")
      .match(/.*"the kafka client reported an error".*/g)
      ?.join("\n");
    expect(causes).toMatch(/certificate/i);
    expect(causes).toMatch(/authentication/i);
  });
});
