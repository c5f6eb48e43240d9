import { describe, expect, test } from "bun:test";
import { interpolate } from "../src/compose/interpolate.ts";
import { parseScale } from "../src/compose/scale.ts";
import { givenAddresses } from "../src/servers/addresses.ts";
import { loadSettings } from "../src/supervise/settings.ts";
import { welcome } from "../src/supervise/welcome.ts";

describe("interpolation", () => {
  test("inserts values, takes defaults for what is missing or empty, and reduces a doubled dollar", () => {
    const env = { A: "1", EMPTY: "" };
    expect(interpolate(`\${A} \${B:-2} \${EMPTY:-3} $\${A}`, env)).toBe(`1 2 3 \${A}`);
    expect(interpolate(`\${B:-}`, env)).toBe("");
  });

  test("names what is required and missing", () => {
    expect(() => interpolate(`\${SECRET:?run this first}`, {})).toThrow("SECRET is not set: run this first.");
  });

  test.each(["$A", `\${A-1}`, `\${A:+1}`, `\${a}`, `\${A:-\${B}}`, "1$"])("refuses %s", (text) => {
    expect(() => interpolate(text, { A: "1", B: "2" })).toThrow("does not support the $");
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

describe("settings", () => {
  test("have defaults, and every mistake is named at once", () => {
    const loaded = loadSettings({});
    expect(loaded.kind === "loaded" && loaded.settings).toMatchObject({
      host: "127.0.0.1",
      port: 5003,
      shutdownMs: 10_000,
    });
    const wrong = loadSettings({ PORT: "x", SHUTDOWN_SECONDS: "-1", HOST: "a b" });
    expect(wrong.kind === "wrong" && wrong.problems).toHaveLength(3);
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
