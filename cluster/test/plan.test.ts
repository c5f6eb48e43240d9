import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readCompose } from "../src/compose/compose.ts";
import { type Place, planProcesses } from "../src/compose/plan.ts";

const compose = await readCompose();
const place = (env: Record<string, string> = {}): Place => {
  let next = 20_000;
  return {
    root: "/sate",
    addresses: {
      KAFKA_BROKERS: "127.0.0.1:1",
      REQUESTS_MONGO_URL: "mongodb://127.0.0.1:2/requests",
      RESULTS_MONGO_URL: "mongodb://127.0.0.1:3/results",
    },
    env: { SERVICE_TOKEN: "a-token-of-the-services", ...env },
    portOf: () => next++,
    hostOf: (service) => (service === "gateway" ? "0.0.0.0" : "127.0.0.1"),
    bun: "/bin/bun",
  };
};
const planned = (scale: Record<string, number> = {}, env: Record<string, string> = {}) => {
  const plans = planProcesses(compose, new Map(Object.entries(scale)), place(env));
  return Object.fromEntries(plans.map((plan) => [plan.name, plan]));
};

describe("the processes of the cluster, from compose.yaml", () => {
  test("are the five services, each in its folder", () => {
    const plans = planned();
    expect(Object.keys(plans).sort()).toEqual([
      "gateway-1",
      "processor-1",
      "requests-service-1",
      "results-listener-1",
      "results-service-1",
    ]);
    expect(plans["processor-1"]).toMatchObject({
      command: ["/bin/bun", "src/main.ts"],
      cwd: "/sate/processor",
    });
  });

  test("have the environment of compose.yaml, in which only addresses and secrets are others", () => {
    const plans = planned();
    expect(plans["requests-service-1"]?.env).toEqual({
      HOST: "127.0.0.1",
      PORT: `${plans["requests-service-1"]?.port}`,
      LOG_LEVEL: "info",
      SHUTDOWN_SECONDS: "10",
      SERVICE_TOKEN: "a-token-of-the-services",
      REQUESTS_MONGO_URL: "mongodb://127.0.0.1:2/requests",
      KAFKA_BROKERS: "127.0.0.1:1",
      KAFKA_SSL: "0",
      KAFKA_SSL_CA: "",
      KAFKA_SSL_CERT: "",
      KAFKA_SSL_KEY: "",
      KAFKA_SASL_MECHANISM: "",
      KAFKA_SASL_USERNAME: "",
      KAFKA_SASL_PASSWORD: "",
      RESULTS_SERVICE_URL: `http://127.0.0.1:${plans["results-service-1"]?.port}`,
      LEASE_SECONDS: "30",
      MAX_LOST: "3",
      CONFIRM_SECONDS: "30",
    });
    const names = (environment = {}) => Object.keys(environment).sort();
    for (const plan of Object.values(plans)) {
      expect(names(plan.env)).toEqual(names(compose.services[plan.service]?.environment));
      expect(Object.values(plan.env).join(" ")).not.toMatch(/redpanda|requests-db|results-db|\$\{/);
    }
  });

  test("take settings from the environment of the cluster", () => {
    const plans = planned(
      {},
      { LEASE_SECONDS: "4", MAX_FAILURES: "5", CONCURRENCY: "2", PROCESSORS_DIR: "/p" },
    );
    expect(plans["gateway-1"]?.env).toMatchObject({ HOST: "0.0.0.0", MAX_FAILURES: "5" });
    expect(plans["processor-1"]?.env).toMatchObject({
      LEASE_SECONDS: "4",
      CONCURRENCY: "2",
      PROCESSORS_DIR: "/p",
    });
    expect(plans["requests-service-1"]?.env.LEASE_SECONDS).toBe("4");
  });

  test("are as many as asked for, and those that call a service know all of its processes", () => {
    const plans = planned({ "requests-service": 2, processor: 3, "results-listener": 0 });
    expect(plans["results-listener-1"]).toBeUndefined();
    expect(plans["processor-3"]?.name).toBe("processor-3");
    const ports = [plans["requests-service-1"]?.port, plans["requests-service-2"]?.port];
    const [one, other] = ports.map((port) => `http://127.0.0.1:${port}`);
    const urls = ["processor-1", "processor-2", "processor-3"].map(
      (name) => plans[name]?.env.REQUESTS_SERVICE_URL,
    );
    expect(new Set(urls)).toEqual(new Set([`${one},${other}`, `${other},${one}`]));
  });

  test("are stopped before what they depend on", () => {
    const plans = planned();
    const rank = (name: string) => plans[`${name}-1`]?.stopRank ?? Number.NaN;
    expect(rank("gateway")).toBeGreaterThan(rank("requests-service"));
    expect(rank("processor")).toBeGreaterThan(rank("requests-service"));
    expect(rank("gateway")).toBeGreaterThan(rank("results-service"));
    expect(rank("requests-service")).toBeGreaterThan(rank("results-service"));
  });
});

describe("a compose.yaml that says more than the cluster does is refused", () => {
  const folder = mkdtempSync(join(tmpdir(), "sate-compose-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const good = {
    build: { context: ".", dockerfile: "service/Dockerfile" },
    command: ["bun", "src/main.ts"],
    restart: "unless-stopped",
    environment: { HOST: "0.0.0.0" },
    depends_on: ["redpanda"],
    read_only: true,
  };
  const plansOf = async (gateway: object, more: object = {}) => {
    const file = join(folder, `${crypto.randomUUID()}.yaml`);
    const redpanda = { image: "redpanda:1.2.3", entrypoint: "Docker's alone" };
    await Bun.write(file, JSON.stringify({ services: { gateway, redpanda }, ...more }));
    return planProcesses(await readCompose(file), new Map(), place());
  };

  test("but not what is Docker's alone", async () => {
    expect(await plansOf(good, { name: "sate", networks: {}, "x-anything": 1 })).toHaveLength(1);
  });

  const wrong: [what: string, change: object, sentence: string][] = [
    ["an env_file", { env_file: ".env" }, "env_file of gateway is not supported by the cluster"],
    ["an entrypoint", { entrypoint: ["sh"] }, "entrypoint of gateway is not supported"],
    ["a command in a shell", { command: "bun src/main.ts" }, "command of gateway must be a list of words"],
    ["another program", { command: ["node", "a.js"] }, "that begins with bun"],
    ["no command", { command: undefined }, "command of gateway must be"],
    ["a list of variables", { environment: ["A=1"] }, "environment of gateway must be a map"],
    [
      "a variable of Docker's environment",
      { environment: { A: null } },
      "environment of gateway must be a map",
    ],
    ["conditions", { depends_on: { redpanda: { condition: "x" } } }, "depends_on of gateway must be a list"],
    ["another restart policy", { restart: "on-failure" }, "restart of gateway must be unless-stopped"],
    ["a build target", { build: { ...good.build, target: "x" } }, "build of gateway must be"],
    ["an address that nothing replaces", { environment: { A: "https://redpanda:9" } }, "address of redpanda"],
    ["an interpolation of another kind", { environment: { A: "$B" } }, "does not support the $"],
  ];
  test.each(wrong)("%s", async (_, change, sentence) => {
    await expect(plansOf({ ...good, ...change })).rejects.toThrow(sentence);
  });

  test("something beside the services", async () => {
    await expect(plansOf(good, { include: ["other.yaml"] })).rejects.toThrow("does not support include");
  });
});
