import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readCompose } from "../src/compose/compose.ts";
import { planProcesses } from "../src/compose/plan.ts";
import { listenersOf } from "../src/supervise/layout.ts";
import { loadSettings } from "../src/supervise/settings.ts";

const folder = mkdtempSync(join(tmpdir(), "sate-plan-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const written = async (content: unknown) => {
  const path = join(folder, crypto.randomUUID());
  await Bun.write(path, JSON.stringify(content));
  return path;
};

const addresses = {
  KAFKA_BROKERS: "127.0.0.1:1",
  REQUESTS_MONGO_URL: "mongodb://127.0.0.1:2/requests",
  RESULTS_MONGO_URL: "mongodb://127.0.0.1:3/results",
};
/** What the cluster would run with this environment, by name. */
async function planned(env: Record<string, string> = {}) {
  let next = 20_000;
  const { compose, scale, layout } = await loadSettings(env);
  const plans = planProcesses(compose, scale, {
    ...{ root: "/sate", host: "0.0.0.0", addresses, layout },
    env: { SERVICE_TOKEN: "a-token-of-the-services", ...env },
    portOf: () => next++,
  });
  return Object.fromEntries(plans.map((plan) => [plan.name, plan]));
}

test("processes have the environment of compose.yaml, in which only addresses and secrets are replaced", async () => {
  const plans = await planned({ LEASE_SECONDS: "4", PROCESSORS_DIR: "/p" });
  const { services } = await readCompose();
  const names = ["gateway", "requests-service", "processor", "results-listener", "results-service"];
  expect(Object.keys(plans)).toEqual(names.map((name) => `${name}-1`));
  for (const [index, plan] of Object.values(plans).entries()) {
    const { environment = {} } = services[names[index] as string] ?? {};
    expect(Object.keys(plan.env).sort()).toEqual(Object.keys(environment).sort());
    expect(Object.values(plan.env).join(" ")).not.toMatch(/redpanda|requests-db|results-db|\$\{/);
    expect(plan.command).toEqual([process.execPath, "src/main.ts"]);
    expect(plan.cwd).toBe(`/sate/${names[index]}`);
  }
  expect(plans["gateway-1"]?.env).toMatchObject({ HOST: "0.0.0.0", MAX_FAILURES: "3" });
  expect(plans["processor-1"]?.env).toMatchObject({ LEASE_SECONDS: "4", PROCESSORS_DIR: "/p" });
  expect(plans["requests-service-1"]?.env).toMatchObject({
    HOST: "127.0.0.1",
    PORT: `${plans["requests-service-1"]?.port}`,
    SERVICE_TOKEN: "a-token-of-the-services",
    REQUESTS_MONGO_URL: addresses.REQUESTS_MONGO_URL,
    KAFKA_BROKERS: addresses.KAFKA_BROKERS,
    RESULTS_SERVICE_URL: `http://127.0.0.1:${plans["results-service-1"]?.port}`,
    RESULTS_LISTENER_URL: `http://127.0.0.1:${plans["results-listener-1"]?.port}`,
    LEASE_SECONDS: "4",
  });
});

test("a setting with the path of a mounted folder gets the folder, relative to compose.yaml", async () => {
  const directories = async (env: Record<string, string>) =>
    (await planned(env))["processor-1"]?.env.PROCESSORS_DIR;
  expect(await directories({})).toBe("/sate/processors");
  expect(await directories({ PROCESSORS_DIR: "./mine" })).toBe("/sate/mine");
  expect(await directories({ PROCESSORS_DIR: "/opt/mine" })).toBe("/opt/mine");
});

test("with COMPOSE_PROFILES a second set of processors runs, with its own folder and consumer group", async () => {
  const env = { COMPOSE_PROFILES: "other, examples", SCALE: "processor-examples=2", PROCESSORS_DIR: "/p" };
  const plans = await planned(env);
  const sets = ["processor-1", "processor-examples-1", "processor-examples-2"].map((name) => plans[name]);
  expect(sets.map((plan) => [plan?.env.PROCESSORS_DIR, plan?.env.PROCESSOR_GROUP])).toEqual([
    ["/p", "processor"],
    ["/sate/examples", "examples"],
    ["/sate/examples", "examples"],
  ]);
  expect(sets.map((plan) => plan?.cwd)).toEqual(Array(3).fill("/sate/processor"));
  await expect(planned({ SCALE: "processor-examples=1" })).rejects.toThrow("SCALE names processor-examples");
});

test("with SCALE a service runs that often, and its callers get the addresses of all its processes", async () => {
  const plans = await planned({ SCALE: " requests-service=2, processor=3 results-listener=0 gateway=20" });
  expect(plans["results-listener-1"]).toBeUndefined();
  expect(plans["gateway-20"]).toBeDefined();
  const [one, other] = [1, 2].map(
    (number) => `http://127.0.0.1:${plans[`requests-service-${number}`]?.port}`,
  );
  const urls = [1, 2, 3].map((number) => plans[`processor-${number}`]?.env.REQUESTS_SERVICE_URL);
  expect(new Set(urls)).toEqual(new Set([`${one},${other}`, `${other},${one}`]));
});

test("with LAYOUT each process uses its own detours to the broker, the databases and other processes", async () => {
  const layout = {
    ports: { "kafka:processor-1": 100 },
    detours: {
      "processor-1": { kafka: 101, "requests-service-2": 102 },
      "requests-service-1": { "requests-db": 103 },
    },
    environment: { "gateway-1": { COLOUR: "green" } },
  };
  const plans = await planned({ SCALE: "requests-service=2", LAYOUT: await written(layout) });
  expect(plans["processor-1"]?.env.KAFKA_BROKERS).toBe("127.0.0.1:101");
  expect(plans["processor-1"]?.env.REQUESTS_SERVICE_URL?.split(",")).toContain("http://127.0.0.1:102");
  expect(plans["gateway-1"]?.env.REQUESTS_SERVICE_URL).not.toContain(":102");
  expect(plans["gateway-1"]?.env.COLOUR).toBe("green");
  expect(plans["requests-service-1"]?.env.REQUESTS_MONGO_URL).toBe("mongodb://127.0.0.1:103/requests");
  expect(plans["requests-service-2"]?.env).toMatchObject({
    REQUESTS_MONGO_URL: addresses.REQUESTS_MONGO_URL,
    KAFKA_BROKERS: addresses.KAFKA_BROKERS,
  });
  expect(listenersOf(layout)).toEqual([{ port: 100, advertised: 101 }]);
});

const service = {
  build: { context: ".", dockerfile: "service/Dockerfile" },
  command: ["bun", "src/main.ts"],
  restart: "unless-stopped",
  environment: { HOST: "0.0.0.0" },
  depends_on: ["redpanda"],
  read_only: true,
};
const withCompose = async (gateway: object, more: object = {}, env: Record<string, string> = {}) => {
  const redpanda = { image: "redpanda:1.2.3", entrypoint: "not read" };
  const COMPOSE_FILE = await written({ services: { gateway, redpanda }, ...more });
  return planned({ ...env, COMPOSE_FILE });
};

test("variables are inserted as Docker inserts them, and what only Docker uses is ignored", async () => {
  const environment = { A: `\${ONE} \${TWO:-2} \${EMPTY:-3}\${EMPTY:-} $\${ONE}` };
  const more = { name: "sate", networks: {}, "x-anything": 1 };
  const plans = await withCompose({ ...service, environment }, more, { ONE: "1", EMPTY: "" });
  expect(plans["gateway-1"]?.env.A).toBe(`1 2 3 \${ONE}`);
});

const unsupported: [change: object, sentence: string, more?: object][] = [
  [{ env_file: ".env" }, "env_file of gateway is not supported by the cluster"],
  [{}, "the cluster does not support include", { include: ["other.yaml"] }],
  [{ entrypoint: ["sh"] }, "entrypoint of gateway is not supported by the cluster"],
  [{ command: "bun src/main.ts" }, "command of gateway must be a list of words"],
  [{ command: ["node", "a.js"] }, "command of gateway must be a list of words that begins with bun"],
  [{ command: undefined }, "command of gateway must be"],
  [{ environment: ["A=1"] }, "environment of gateway must be a map"],
  [{ environment: { A: null } }, "environment of gateway must be a map"],
  [{ depends_on: { redpanda: { condition: "x" } } }, "depends_on of gateway must be a list"],
  [{ volumes: ["./data:/data"] }, "volumes of gateway must be a list of source:target:ro"],
  [{ profiles: "examples" }, "profiles of gateway must be a list"],
  [{ restart: "on-failure" }, "restart of gateway must be unless-stopped"],
  [{ build: { ...service.build, target: "x" } }, "build of gateway must be"],
  [{ environment: { A: "https://redpanda:9" } }, "cannot replace the address of redpanda"],
  [{ environment: { A: `\${SECRET:?run this first}` } }, "SECRET is not set: run this first."],
  ...["$ONE", `\${ONE-1}`, `\${ONE:+1}`, `\${one}`, `\${ONE:-\${TWO}}`, "1$"].map((A): [object, string] => [
    { environment: { A } },
    `does not support the $ in "${A}"`,
  ]),
];
test.each(unsupported)("a service in compose.yaml with %j is refused: %s", async (change, sentence, more) => {
  await expect(withCompose({ ...service, ...change }, more)).rejects.toThrow(sentence);
});

const wrong: [env: Record<string, string>, sentence: string][] = [
  [{ HOST: "a b" }, "HOST must be an IPv4 address or a name."],
  [{ PORT: "x" }, "PORT must be a port from 0 to 65535."],
  [{ PORT: "65536" }, "PORT must be a port from 0 to 65535."],
  [{ SHUTDOWN_SECONDS: "0" }, "SHUTDOWN_SECONDS must be from 0.1 to 3600 seconds."],
  [{ SCALE: "processor" }, "SCALE must be words like processor=3."],
  [{ SCALE: "processor=1.5" }, "SCALE must be words like processor=3."],
  [{ SCALE: "processor=-1" }, "SCALE must be words like processor=3."],
  [{ SCALE: "processor=21" }, "SCALE can have at most 20 of processor."],
  [{ SCALE: "worker=1" }, "SCALE names worker; the services are gateway, "],
  [{ SCALE: "gateway=0" }, "SCALE must leave one gateway."],
  [{ KAFKA_BROKERS: "a:1", REQUESTS_MONGO_URL: " " }, "not set: REQUESTS_MONGO_URL, RESULTS_MONGO_URL."],
];
test.each(wrong)("%j is refused", async (env, sentence) => {
  await expect(loadSettings(env)).rejects.toThrow(sentence);
});

test.each([{}, { ports: { kafka: 0 }, detours: {} }, { ports: {}, detours: { a: { b: "c" } } }])(
  "a LAYOUT of %j is refused",
  async (content) => {
    await expect(loadSettings({ LAYOUT: await written(content) })).rejects.toThrow("LAYOUT must name");
  },
);

test("by default the gateway is on 127.0.0.1:5003, and data is kept in a folder of the cluster's own", async () => {
  expect(await loadSettings({ DATA_DIR: "/data" })).toMatchObject({
    host: "127.0.0.1",
    port: 5003,
    dataDir: "/data/cluster",
    shutdownMs: 10_000,
  });
});

test("clusters that start together choose different ports", async () => {
  const module = JSON.stringify(join(import.meta.dir, "../src/servers/addresses.ts"));
  const script = `import { freePorts } from ${module}; console.log(JSON.stringify(await freePorts(15)));`;
  const chosen = Array.from({ length: 16 }, async (): Promise<number[]> => {
    const child = Bun.spawn([process.execPath, "-e", script], { stdio: ["ignore", "pipe", "inherit"] });
    return JSON.parse(await child.stdout.text());
  });
  const ports = (await Promise.all(chosen)).flat();
  expect(new Set(ports).size).toBe(16 * 15);
});
