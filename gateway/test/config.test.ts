import { expect, test } from "bun:test";
import { limits } from "@sate/contracts";
import { Settings } from "../src/config.ts";
import { loadSettings } from "../src/runtime/load-settings.ts";

const env = {
  SERVICE_TOKEN: "0123456789abcdef",
  REQUESTS_SERVICE_URL: "http://requests-service:5001",
  RESULTS_SERVICE_URL: "http://a:5002,http://b:5002",
};

test("what has a default may be left out", () => {
  const loaded = loadSettings(Settings, { ...env, MAX_FAILURES: "" });
  if (loaded.kind === "wrong") throw new Error(loaded.problems.join());
  expect(loaded.settings).toMatchObject({
    PORT: 5003,
    MAX_FAILURES: 3,
    BODY_BYTES_MAX: limits.bodyBytesDefault,
    SHUTDOWN_SECONDS: 10,
  });
});

test("what says who may come in has no default but loopback", () => {
  const loaded = loadSettings(Settings, env);
  expect(loaded.kind === "loaded" && loaded.settings).toMatchObject({
    HOST: "127.0.0.1",
    API_KEYS: "",
    API_KEYS_FILE: "",
    ALLOW_ANONYMOUS: "0",
  });
  expect(loadSettings(Settings, { ...env, ALLOW_ANONYMOUS: "yes" }).kind).toBe("wrong");
});

test("all mistakes are named at once, without their values", () => {
  const loaded = loadSettings(Settings, {
    ...env,
    SERVICE_TOKEN: "short",
    REQUESTS_SERVICE_URL: "http://a/path",
    RESULTS_SERVICE_URL: "ftp://a",
    MAX_FAILURES: "1001",
    BODY_BYTES_MAX: String(limits.bodyBytesCeiling + 1),
    LOG_LEVEL: "loud",
  });
  if (loaded.kind === "loaded") throw new Error("it loaded");
  expect(loaded.problems).toHaveLength(6);
  expect(loaded.problems.join()).not.toContain("short");
});
