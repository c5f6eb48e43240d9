import { describe, expect, test } from "bun:test";
import { givenAddresses } from "../src/addresses.ts";
import { isUnbroken, jobAbove } from "../src/ancestors.ts";
import { afterCheck, atStart, type Health, nextCheckMs } from "../src/health.ts";
import { durationMs, interpolate } from "../src/interpolate.ts";
import { backoffMs, isStartedAgain, restartPolicy } from "../src/restart.ts";
import { parseScale } from "../src/scale.ts";
import { loadSettings } from "../src/settings.ts";
import { welcome } from "../src/welcome.ts";

describe("interpolation", () => {
  test("puts values in, takes defaults for what is missing or empty, and leaves a doubled dollar alone", () => {
    const env = { A: "1", EMPTY: "" };
    expect(interpolate(`\${A} \${B:-2} \${EMPTY:-3} $\${A}`, env)).toBe(`1 2 3 \${A}`);
    expect(interpolate(`\${B:-}`, env)).toBe("");
  });

  test("names what is required and missing", () => {
    expect(() => interpolate(`\${SECRET:?run this first}`, {})).toThrow("SECRET is not set: run this first.");
  });

  test("reads durations, and refuses what is none", () => {
    expect([durationMs("10s"), durationMs("1m30s"), durationMs("250ms")]).toEqual([10_000, 90_000, 250]);
    expect(() => durationMs("10")).toThrow();
  });
});

describe("SCALE", () => {
  const services = ["gateway", "processor"];

  test("says how many of each, one by default", () => {
    const scale = parseScale("processor=3", services);
    expect(scale.kind === "scale" && [...scale.of]).toEqual([
      ["gateway", 1],
      ["processor", 3],
    ]);
    expect(parseScale(" processor=20, ", services).kind).toBe("scale");
  });

  test.each(["processor", "processor=-1", "processor=21", "nobody=1", "gateway=0", "processor=1.5"])(
    "%s is refused",
    (text) => expect(parseScale(text, services).kind).toBe("wrong"),
  );
});

describe("restarts", () => {
  test("follow the policy", () => {
    expect(isStartedAgain(restartPolicy("unless-stopped"), 0, 100)).toBe(true);
    expect(isStartedAgain(restartPolicy("always"), 1, 0)).toBe(true);
    expect(isStartedAgain(restartPolicy("no"), 1, 0)).toBe(false);
    expect(isStartedAgain(restartPolicy(undefined), 1, 0)).toBe(false);
    expect(isStartedAgain(restartPolicy("on-failure"), 0, 0)).toBe(false);
    expect(isStartedAgain(restartPolicy("on-failure"), 1, 1_000)).toBe(true);
    expect([1, 2].map((tries) => isStartedAgain(restartPolicy("on-failure:2"), 1, tries))).toEqual([
      true,
      false,
    ]);
    expect(() => restartPolicy("sometimes")).toThrow();
  });

  test("pause for half a second, doubling up to ten", () => {
    expect([0, 1, 2, 3, 4, 5, 50].map(backoffMs)).toEqual([500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000]);
  });
});

describe("health", () => {
  const rules = { intervalMs: 10, timeoutMs: 5, retries: 2, startPeriodMs: 60, startIntervalMs: 1 };

  test("does not count failures while it starts", () => {
    expect(afterCheck(atStart, false, 59, rules)).toEqual(atStart);
    expect(nextCheckMs(atStart, 59, rules)).toBe(1);
    expect(afterCheck(atStart, true, 59, rules).state).toBe("healthy");
  });

  test("is lost after so many failures in a row, and comes back with one success", () => {
    const healthy: Health = { state: "healthy", failures: 0 };
    const once = afterCheck(healthy, false, 100, rules);
    expect(once.state).toBe("healthy");
    expect(afterCheck(afterCheck(once, true, 100, rules), false, 100, rules).state).toBe("healthy");
    const twice = afterCheck(once, false, 100, rules);
    expect(twice.state).toBe("unhealthy");
    expect(afterCheck(twice, true, 100, rules)).toEqual(healthy);
    expect(nextCheckMs(twice, 5, rules)).toBe(10);
  });
});

describe("the job that started the cluster", () => {
  const table = new Map([
    [10, { parent: 9, group: 8 }],
    [9, { parent: 8, group: 8 }],
    [8, { parent: 7, group: 8 }],
    [7, { parent: 1, group: 7 }],
  ]);

  test("is the parent and whoever is above it in the same process group", () => {
    expect(jobAbove(10, table)).toEqual([9, 8]);
    expect(jobAbove(8, table)).toEqual([7]);
    expect(jobAbove(10, new Map())).toEqual([]);
  });

  test("is broken when one of them has another parent, not when nothing is known", () => {
    expect(isUnbroken(10, [9, 8], table)).toBe(true);
    expect(isUnbroken(10, [9, 8], new Map([...table, [9, { parent: 1, group: 8 }]]))).toBe(false);
    expect(isUnbroken(10, [9, 8], new Map())).toBe(true);
  });
});

describe("settings", () => {
  test("have defaults, and every mistake is named at once", () => {
    const loaded = loadSettings({});
    expect(loaded.kind === "loaded" && loaded.settings).toMatchObject({
      host: "127.0.0.1",
      port: 5003,
      logs: "files",
      shutdownMs: 10_000,
    });
    const wrong = loadSettings({ PORT: "x", SHUTDOWN_SECONDS: "-1", LOGS: "here", HOST: "a b" });
    expect(wrong.kind === "wrong" && wrong.problems).toHaveLength(4);
  });

  test("keep the cluster's data apart from standalone's", () => {
    const loaded = loadSettings({ DATA_DIR: "/data" });
    expect(loaded.kind === "loaded" && loaded.settings.dataDir).toBe("/data/cluster");
  });

  test("name running servers all together or not at all", () => {
    expect(givenAddresses({}).kind).toBe("none");
    expect(givenAddresses({ KAFKA_BROKERS: "a:1", REQUESTS_MONGO_URL: " " }).kind).toBe("wrong");
  });
});

test("the welcome shows no password of a database", () => {
  const addresses = {
    KAFKA_BROKERS: "b:1",
    REQUESTS_MONGO_URL: "mongodb://u:p@h/r",
    RESULTS_MONGO_URL: "mongodb://h/s",
  };
  const text = welcome("http://127.0.0.1:5003", "/logs", addresses).join("\n");
  expect(text).toContain("mongodb://***@h/r");
  expect(text).not.toContain("u:p");
  expect(text).toContain("http://127.0.0.1:5003/swagger");
});
