import { describe, expect, test } from "bun:test";
import { readCompose } from "../src/compose.ts";
import { type Place, planProcesses } from "../src/plan.ts";

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
      restart: { kind: "always" },
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
    const plans = planned({}, { LEASE_SECONDS: "4", MAX_FAILURES: "5", CONCURRENCY: "2", RUN_LOG: "/r" });
    expect(plans["gateway-1"]?.env).toMatchObject({ HOST: "0.0.0.0", MAX_FAILURES: "5" });
    expect(plans["processor-1"]?.env).toMatchObject({ LEASE_SECONDS: "4", CONCURRENCY: "2", RUN_LOG: "/r" });
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

  test("are checked by the health check of compose.yaml", () => {
    expect(planned()["gateway-1"]?.health).toEqual({
      command: ["/bin/bun", "-e", expect.stringMatching(/Bun.env.HOST}:..Bun.env.PORT}.ready/)],
      intervalMs: 10_000,
      timeoutMs: 5_000,
      retries: 3,
      startPeriodMs: 60_000,
      startIntervalMs: expect.any(Number),
    });
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
