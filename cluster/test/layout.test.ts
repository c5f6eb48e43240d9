import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readCompose } from "../src/compose/compose.ts";
import { planProcesses } from "../src/compose/plan.ts";
import { chosenPorts, detoured, listenersOf, noLayout, readLayout } from "../src/supervise/layout.ts";

const addresses = {
  KAFKA_BROKERS: "127.0.0.1:1",
  REQUESTS_MONGO_URL: "mongodb://127.0.0.1:2/requests",
  RESULTS_MONGO_URL: "mongodb://127.0.0.1:3/results",
};

test("a process sees its detours, and the true address where it has none", () => {
  expect(detoured(addresses, { kafka: 11, "results-db": 13 })).toEqual({
    KAFKA_BROKERS: "127.0.0.1:11",
    REQUESTS_MONGO_URL: "mongodb://127.0.0.1:2/requests",
    RESULTS_MONGO_URL: "mongodb://127.0.0.1:13/results",
  });
  expect(detoured(addresses)).toEqual(addresses);
});

test("each process goes its own ways, to the broker, the databases and other processes", async () => {
  const detours = {
    "processor-1": { kafka: 101, "requests-service-2": 102 },
    "requests-service-1": { "requests-db": 103 },
  };
  let next = 20_000;
  const plans = planProcesses(await readCompose(), new Map([["requests-service", 2]]), {
    root: "/sate",
    addresses,
    env: { SERVICE_TOKEN: "a-token-of-the-services" },
    portOf: () => next++,
    hostOf: () => "127.0.0.1",
    bun: "/bin/bun",
    layout: { ports: {}, detours },
  });
  const envOf = (name: string) => plans.find((plan) => plan.name === name)?.env ?? {};
  expect(envOf("processor-1").KAFKA_BROKERS).toBe("127.0.0.1:101");
  expect(envOf("processor-1").REQUESTS_SERVICE_URL?.split(",")).toContain("http://127.0.0.1:102");
  expect(envOf("gateway-1").REQUESTS_SERVICE_URL).not.toContain(":102");
  expect(envOf("requests-service-1").REQUESTS_MONGO_URL).toBe("mongodb://127.0.0.1:103/requests");
  expect(envOf("requests-service-2").REQUESTS_MONGO_URL).toBe(addresses.REQUESTS_MONGO_URL);
});

test("chosen ports are used, and the broker has a listener for each detour to it", () => {
  const layout = { ports: { kafka: 9, "kafka:gateway-1": 10 }, detours: { "gateway-1": { kafka: 11 } } };
  expect(chosenPorts({ kafka: 1, controller: 2, requestsDb: 3, resultsDb: 4 }, layout)).toEqual({
    kafka: 9,
    controller: 2,
    requestsDb: 3,
    resultsDb: 4,
  });
  expect(listenersOf(layout)).toEqual([{ port: 10, advertised: 11 }]);
  expect(listenersOf(noLayout)).toEqual([]);
});

test("a file that is no layout is refused", () => {
  const folder = mkdtempSync(join(tmpdir(), "layout-"));
  const path = join(folder, "layout.json");
  for (const text of ["{}", '{"ports":{"kafka":0},"detours":{}}', '{"ports":{},"detours":{"a":{"b":"c"}}}']) {
    writeFileSync(path, text);
    expect(() => readLayout(path)).toThrow("LAYOUT");
  }
  writeFileSync(path, '{"ports":{"kafka":1},"detours":{}}');
  expect(readLayout(path).ports).toEqual({ kafka: 1 });
  expect(readLayout(undefined)).toBe(noLayout);
  rmSync(folder, { recursive: true });
});
