import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { installJava } from "../src/servers/java.ts";
import { mongoCommand } from "../src/servers/java-servers.ts";
import { freePort, listensOn } from "../src/servers/ports.ts";
import { until } from "../src/supervise/deadline.ts";
import { authority } from "./certificates.ts";
import { type Cluster, startCluster } from "./start-cluster.ts";
import { type SecureKafka, secureKafka, tlsInFrontOf } from "./tls-servers.ts";

/** TLS and SASL for real: what is right works for the whole system, and each thing that is wrong is refused. */

const root = join(import.meta.dir, "../..");
const java = await installJava(join(root, ".cache"), console.error);
const missing =
  java.kind === "unavailable" ? java.reason : Bun.which("openssl") ? undefined : "openssl is not here";
if (missing) console.log(`Skipped: ${missing}`);

const folder = mkdtempSync(join(tmpdir(), "sate-tls-"));
const user = { name: "sate", password: "canary-of-the-broker" };
const wrongPassword = "canary-that-is-wrong";
const token = "0123456789abcdef";
const ends: (() => unknown)[] = [];
const said: string[] = [];
/** What the services alone have said. */
const lines: string[] = [];
let kafka: SecureKafka;
let right: Record<string, string>;
let mutual: Record<string, string>;
let mongo: { requests: string; results: string; misnamed: string };
let strangers = "";

beforeAll(async () => {
  if (java.kind === "unavailable" || missing) return;
  const ours = authority(folder, "ours");
  strangers = authority(folder, "strangers").file;
  const certificate = await ours.issue("server", "IP:127.0.0.1");
  const misnamed = await ours.issue("misnamed", "DNS:example.org,IP:127.0.0.9");
  const client = await ours.issue("client", "DNS:sate");
  kafka = await secureKafka(java, {
    folder: join(folder, "kafka"),
    certificate,
    misnamed,
    clients: ours.file,
    user,
  });
  ends.push(kafka.stop);
  const ports = { requestsDb: await freePort(), resultsDb: await freePort() };
  const child = Bun.spawn(await mongoCommand(java, folder, ports), { stdin: "pipe", stdout: "inherit" });
  ends.push(() => child.kill("SIGKILL"));
  expect(
    await until(async () => (await listensOn(ports.requestsDb)) && listensOn(ports.resultsDb), 60_000),
  ).toBe(true);
  const fronts = [
    await tlsInFrontOf(ports.requestsDb, certificate),
    await tlsInFrontOf(ports.resultsDb, certificate),
    await tlsInFrontOf(ports.resultsDb, misnamed),
  ];
  for (const front of fronts) ends.push(front.stop);
  const [requests, results, other] = fronts.map(({ port }) => `mongodb://127.0.0.1:${port}`) as [
    string,
    string,
    string,
  ];
  const tls = `?tls=true&tlsCAFile=${encodeURIComponent(ours.file)}`;
  mongo = {
    requests: `${requests}/requests${tls}`,
    results: `${results}/results${tls}`,
    misnamed: `${other}/results${tls}`,
  };
  right = {
    KAFKA_BROKERS: kafka.secure,
    KAFKA_SSL: "1",
    KAFKA_SSL_CA: ours.file,
    KAFKA_SASL_MECHANISM: "scram-sha-512",
    KAFKA_SASL_USERNAME: user.name,
    KAFKA_SASL_PASSWORD: user.password,
  };
  mutual = {
    KAFKA_BROKERS: kafka.mutual,
    KAFKA_SSL: "1",
    KAFKA_SSL_CA: ours.file,
    KAFKA_SSL_CERT: client.cert,
    KAFKA_SSL_KEY: client.key,
  };
}, 120_000);

afterAll(async () => {
  for (const end of ends.reverse()) await end();
  rmSync(folder, { recursive: true, force: true });
});

/** Starts a service; answers whether it becomes ready, or has said for a while that something does not respond. */
async function becomesReady(service: string, env: Record<string, string>): Promise<boolean> {
  const port = await freePort();
  const child = Bun.spawn([process.execPath, "src/main.ts"], {
    cwd: join(root, service),
    env: { SERVICE_TOKEN: token, PORT: `${port}`, LOG_LEVEL: "debug", ...env },
    stdout: "pipe",
    stderr: "pipe",
  });
  const output = Promise.all([child.stdout.text(), child.stderr.text()]);
  let complaints = 0;
  let isReady = false;
  const isDecided = async () => {
    const answer = await fetch(`http://127.0.0.1:${port}/ready`, {
      headers: { authorization: `Bearer ${token}` },
    }).catch(() => null);
    const { ready, reasons } = ((await answer?.json()) ?? {}) as { ready?: boolean; reasons?: string[] };
    isReady = ready === true;
    if (reasons?.some((reason) => reason.includes("does not respond"))) complaints++;
    return isReady || complaints >= 5 || child.exitCode !== null;
  };
  await until(isDecided, 30_000, 200);
  child.kill("SIGKILL");
  const printed = await output;
  said.push(...printed);
  for (const text of printed) lines.push(...text.split("\n"));
  expect(isReady || complaints > 0).toBe(true);
  return isReady;
}

/** Its database answers, and results-service is no reason not to be ready: only the broker decides. */
const publisher = (env: Record<string, string>) =>
  becomesReady("requests-service", {
    REQUESTS_MONGO_URL: mongo.requests,
    RESULTS_SERVICE_URL: "http://127.0.0.1:1",
    ...env,
  });

describe.skipIf(missing !== undefined)("a broker that speaks TLS", () => {
  test.each(["plain", "scram-sha-256", "scram-sha-512"])(
    "lets %s in",
    async (mechanism) => {
      expect(await publisher({ ...right, KAFKA_SASL_MECHANISM: mechanism })).toBe(true);
    },
    60_000,
  );

  test("lets a client certificate in", async () => {
    expect(await publisher(mutual)).toBe(true);
  }, 60_000);

  const wrong: [name: string, env: () => Record<string, string>][] = [
    ["of an authority that is not known", () => ({ ...right, KAFKA_SSL_CA: "" })],
    ["of another authority", () => ({ ...right, KAFKA_SSL_CA: strangers })],
    ["whose certificate is for another name", () => ({ ...right, KAFKA_BROKERS: kafka.misnamed })],
    ["with a wrong password", () => ({ ...right, KAFKA_SASL_PASSWORD: wrongPassword })],
    [
      "with a wrong password, said plainly",
      () => ({ ...right, KAFKA_SASL_MECHANISM: "plain", KAFKA_SASL_PASSWORD: wrongPassword }),
    ],
    ["with a wrong user", () => ({ ...right, KAFKA_SASL_USERNAME: "nobody" })],
    ["without TLS", () => ({ ...right, KAFKA_SSL: "0", KAFKA_SSL_CA: "" })],
    [
      "without the client certificate that it wants",
      () => ({ ...mutual, KAFKA_SSL_CERT: "", KAFKA_SSL_KEY: "" }),
    ],
  ];
  test.each(wrong)(
    "is not spoken to %s",
    async (_, env) => {
      expect(await publisher(env())).toBe(false);
    },
    60_000,
  );
});

describe.skipIf(missing !== undefined)("a database that speaks TLS", () => {
  const results = (url: string) => becomesReady("results-service", { RESULTS_MONGO_URL: url });

  test("is spoken to when its certificate is right", async () => {
    expect(await results(mongo.results)).toBe(true);
  }, 60_000);

  test("is not spoken to when it is of an authority that is not known, of another one, for another name, or without TLS", async () => {
    const plain = mongo.results.replace(/\?.*/, "");
    for (const url of [
      `${plain}?tls=true`,
      `${plain}?tls=true&tlsCAFile=${encodeURIComponent(strangers)}`,
      mongo.misnamed,
      plain,
    ]) {
      expect([url.replace(/.*\?/, ""), await results(url)]).toEqual([url.replace(/.*\?/, ""), false]);
    }
  }, 120_000);
});

test.skipIf(missing !== undefined)(
  "the whole system works over TLS and SASL, with an API key",
  async () => {
    const key = Bun.spawnSync([
      process.execPath,
      join(root, "gateway/src/access/make-key.ts"),
      "test",
      "read+submit",
    ]);
    const secret = /sate_[\w-]+/.exec(key.stderr.toString())?.[0];
    const dataDir = join(folder, "cluster");
    const cluster: Cluster = startCluster({
      ...right,
      COMPOSE_FILE: undefined,
      REQUESTS_MONGO_URL: mongo.requests,
      RESULTS_MONGO_URL: mongo.results,
      API_KEYS: key.stdout.toString().trim(),
      PROCESSING_SECONDS: "0",
      LOG_LEVEL: "debug",
      DATA_DIR: dataDir,
    });
    try {
      await cluster.printed("Sate is ready.", 90_000);
      const { port } = cluster.process("gateway-1");
      const ask = async (method: string, path: string, body?: string) => {
        const headers = { authorization: `Bearer ${secret}`, "content-type": "application/json" };
        const answer = await fetch(`http://127.0.0.1:${port}${path}`, {
          method,
          headers,
          ...(body && { body }),
        });
        return (await answer.json()) as { id: string; results: object[] };
      };
      expect((await fetch(`http://127.0.0.1:${port}/requests`)).status).toBe(401);
      const { id } = await ask("POST", "/requests", '{"payload":"canary-of-the-payload"}');
      await ask("POST", `/requests/${id}/executions`);
      const hasResult = async () => (await ask("GET", `/requests/${id}/results`)).results.length === 1;
      expect(await until(hasResult, 30_000, 200)).toBe(true);
    } finally {
      said.push(cluster.text());
      await cluster.remove();
    }
    const logs = join(dataDir, "cluster/logs");
    for (const file of readdirSync(logs)) {
      const text = readFileSync(join(logs, file), "utf8");
      said.push(text);
      lines.push(...text.split("\n"));
    }
    expect(said.join("\n")).not.toContain(secret as string);
  },
  180_000,
);

test.skipIf(missing !== undefined)("no secret stands in anything that any of them has said", () => {
  expect(said.join("\n").length).toBeGreaterThan(1_000);
  expect(said.join("\n")).not.toContain("canary");
});

test.skipIf(missing !== undefined)("why a broker was not spoken to stands in the log", () => {
  const whys = lines.filter((line) => line.includes('"kafka client"')).join("\n");
  expect(whys).toMatch(/certificate/i);
  expect(whys).toMatch(/authentication/i);
});

test.skipIf(missing !== undefined)("every line of their logs is one JSON object", () => {
  const isEntry = (line: string) => /^\{"time":".*\}$/.test(line) && JSON.parse(line).message !== "";
  expect(lines.filter((line) => line !== "" && !isEntry(line))).toEqual([]);
});
